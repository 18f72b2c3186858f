package holkas

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

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
// takes the path's place; where the call fails or is closed, that is removed and the path as it was.
func (c *Client) ExportFile(ctx context.Context, request *holkaspb.ExportRequest, path string) *CopyStream[*holkaspb.CopyResponse] {
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

// createBeside creates a new file in the directory of a path, with the mode that the path would have.
func createBeside(path string) (*os.File, error) {
	id, err := newUUID()
	if err != nil {
		return nil, err
	}
	name := filepath.Join(filepath.Dir(path), ".holkas-"+id)
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, fmt.Errorf("holkas: create archive: %w", err)
	}
	return file, nil
}

// publish moves a file to a path once its bytes are on the disk.
func publish(file *os.File, path string) error {
	if err := file.Sync(); err != nil {
		return fmt.Errorf("holkas: write archive: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("holkas: write archive: %w", err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("holkas: name archive: %w", err)
	}
	return nil
}
