package holkas

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"google.golang.org/grpc/status"

	"holkas.dev/clients/go/holkaspb"
)

// Export has the server make an archive of an image and writes it to a writer. The stream gives the
// events of the copy; the archive is whole when Next returns false and Err nil. The writer is used by
// Next alone. Its error ends the call, and is the stream's.
func (c *Client) Export(ctx context.Context, request *holkaspb.ExportRequest, archive io.Writer) *CopyStream[*holkaspb.CopyResponse] {
	ctx, cancel := limit(ctx, c.timeouts.Export)
	call, err := c.service.Export(ctx, request)
	if err != nil {
		return failedCopy[*holkaspb.CopyResponse](cancel, err)
	}
	receive := func() (*holkaspb.CopyResponse, error) {
		for {
			message, err := call.Recv()
			if err != nil || message.GetCopy() != nil {
				return message.GetCopy(), err
			}
			if _, err := archive.Write(message.GetChunk()); err != nil {
				return nil, fmt.Errorf("holkas: write archive: %w", err)
			}
		}
	}
	return newCopyStream(cancel, receive, (*holkaspb.CopyResponse).GetResult)
}

// ExportFile is Export to a file. Until the archive is whole it is a file beside the path, which then
// takes the path's place; where the call fails or is closed, that is removed and the path as it was. Where
// the path is a symbolic link, what it leads to is replaced. A pipe, which is waited for until somebody
// reads it, and a character device get the bytes as they come. What else is there stays: fs.ErrExist.
func (c *Client) ExportFile(ctx context.Context, request *holkaspb.ExportRequest, path string) *CopyStream[*holkaspb.CopyResponse] {
	if takesBytes(path) {
		return c.exportInPlace(ctx, request, path)
	}
	path, err := resolve(path)
	if err != nil {
		return failedCopy[*holkaspb.CopyResponse](func() {}, err)
	}
	file, err := createBeside(path)
	if err != nil {
		return failedCopy[*holkaspb.CopyResponse](func() {}, err)
	}
	stream := c.Export(ctx, request, file)
	stream.onEnd = func(err error) error {
		if err == nil {
			err = publish(file, path)
		}
		if err != nil {
			file.Close()
			os.Remove(file.Name())
		}
		return err
	}
	return stream
}

// takesBytes says whether a pipe or a character device is at a path.
func takesBytes(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0
}

// exportInPlace is ExportFile to what takes the bytes as they come.
func (c *Client) exportInPlace(ctx context.Context, request *holkaspb.ExportRequest, path string) *CopyStream[*holkaspb.CopyResponse] {
	ctx, cancel := limit(ctx, c.timeouts.Export)
	file, err := openInPlace(ctx, path)
	if err != nil {
		return failedCopy[*holkaspb.CopyResponse](cancel, err)
	}
	stream := c.Export(ctx, request, file)
	stream.onEnd = func(err error) error {
		cancel()
		if closed := file.Close(); err == nil && closed != nil {
			err = fmt.Errorf("holkas: write archive: %w", closed)
		}
		return err
	}
	return stream
}

// How often a pipe is looked at that nobody reads yet.
const pipeInterval = 50 * time.Millisecond

// openInPlace opens a pipe, when somebody reads it, or a device. It fails when the context ends.
func openInPlace(ctx context.Context, path string) (*os.File, error) {
	flags := os.O_WRONLY
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		flags |= syscall.O_NONBLOCK
	}
	for {
		file, err := os.OpenFile(path, flags, 0)
		if err == nil {
			return file, nil
		}
		if flags == os.O_WRONLY || !errors.Is(err, syscall.ENXIO) {
			return nil, fmt.Errorf("holkas: open archive: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		case <-time.After(pipeInterval):
		}
	}
}

// The symbolic links that the kernel follows, too.
const maxLinks = 40

// resolve is the path of what the symbolic links at a path lead to, which need not be there. It fails where
// something is that is no file.
func resolve(path string) (string, error) {
	for count := 0; count <= maxLinks; count++ {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular() {
			return path, nil
		}
		if err != nil {
			return "", fmt.Errorf("holkas: create archive: %w", err)
		}
		if info.Mode().Type() != fs.ModeSymlink {
			return "", fmt.Errorf("holkas: create archive: %s is not a regular file: %w", path, fs.ErrExist)
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", fmt.Errorf("holkas: create archive: %w", err)
		}
		if !filepath.IsAbs(target) {
			target = directoryOf(path) + target
		}
		path = target
	}
	return "", fmt.Errorf("holkas: create archive: %s: %w", path, syscall.ELOOP)
}

// directoryOf is a path up to its last separator; nothing where it has none. As it stands: cleaning
// `link/..` leads elsewhere than the kernel.
func directoryOf(path string) string {
	directory, _ := filepath.Split(path)
	return directory
}

// createBeside creates a new file in the directory of a path, with the mode that the path would have.
func createBeside(path string) (*os.File, error) {
	id, err := newUUID()
	if err != nil {
		return nil, err
	}
	name := directoryOf(path) + ".holkas-" + id
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, fmt.Errorf("holkas: create archive: %w", err)
	}
	return file, nil
}

// publish moves a file to a path once its bytes are on the disk, and sees to it that the name is, too.
func publish(file *os.File, path string) error {
	if err := file.Sync(); err != nil {
		return fmt.Errorf("holkas: write archive: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("holkas: write archive: %w", err)
	}
	// What came into its place meanwhile.
	if _, err := resolve(path); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("holkas: name archive: %w", err)
	}
	if err := syncDirectory(directoryOf(path) + "."); err != nil {
		return fmt.Errorf("holkas: name archive: %w", err)
	}
	return nil
}

// syncDirectory puts the names in a directory on the disk, where the system has a call for that.
func syncDirectory(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}
