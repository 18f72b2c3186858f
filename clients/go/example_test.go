package holkas_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	holkas "holkas.dev/clients/go"
	"holkas.dev/clients/go/holkaspb"
)

func Example() {
	client, err := holkas.NewClient(server)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	result, err := client.Copy(ctx, &holkaspb.CopyRequest{
		Source:      "docker://registry.example.com/app:1",
		Destination: "oci:/srv/layout:app",
	}).Wait(nil)
	fmt.Println(result.GetManifestDigest(), err)
	// Output: sha256:9f86d0 <nil>
}

func ExampleNewClient() {
	local, err := holkas.NewClient("unix:/run/ci/holkas.sock")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer local.Close()
	remote, err := holkas.NewClient("tcp:holkas.example.com:7070", holkas.WithToken("secret"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer remote.Close()
	_, err = holkas.NewClient("holkas.example.com")
	fmt.Println(err)
	// Output: holkas: server address "holkas.example.com": expected unix:/path or tcp:host:port
}

func ExampleClient() {
	client, err := holkas.NewClient(server)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	image, err := client.Inspect(ctx, &holkaspb.InspectRequest{Image: "docker://registry.example.com/app:1"})
	fmt.Println(image.GetDigest(), err)
	// Output: sha256:9f86d0 <nil>
}

func ExampleClient_Close() {
	client, err := holkas.NewClient(server)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.Close())
	// Output: <nil>
}

func ExampleClient_Inspect() {
	image, err := client.Inspect(ctx, &holkaspb.InspectRequest{
		Image:    "docker://registry.example.com/app:1",
		SkipTags: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(image.GetName(), image.GetDigest())
	// Output: registry.example.com/app sha256:9f86d0
}

func ExampleClient_Copy() {
	events := client.Copy(ctx, &holkaspb.CopyRequest{
		Source:      "docker://registry.example.com/app:1",
		Destination: "dir:/srv/app",
	})
	defer events.Close()
	for events.Next() {
		if blob := events.Message().GetBlobStarted(); blob != nil {
			fmt.Println("copying", blob.GetDigest())
		}
	}
	fmt.Println(events.Result().GetManifestDigest(), events.Err())
	// Output:
	// copying sha256:60303a
	// sha256:9f86d0 <nil>
}

func ExampleClient_Delete() {
	deleted, err := client.Delete(ctx, &holkaspb.DeleteRequest{
		Image:   "docker://registry.example.com/app:1",
		OnlyTag: true,
	})
	fmt.Println(deleted.GetDigest(), err)
	// Output: sha256:9f86d0 <nil>
}

func ExampleClient_ListTags() {
	pages := client.ListTags(ctx, &holkaspb.ListTagsRequest{Repository: "docker://registry.example.com/app"})
	defer pages.Close()
	for pages.Next() {
		fmt.Println(pages.Message().GetTags())
	}
	fmt.Println(pages.Err())
	// Output:
	// [1 2]
	// [latest]
	// <nil>
}

func ExampleClient_AllTags() {
	tags, err := client.AllTags(ctx, &holkaspb.ListTagsRequest{Repository: "docker://registry.example.com/app"})
	fmt.Println(tags, err)
	// Output: [1 2 latest] <nil>
}

func ExampleClient_Sync() {
	events := client.Sync(ctx, &holkaspb.SyncRequest{
		Sources:     []*holkaspb.SyncSource{{Source: "docker://registry.example.com/app"}},
		Destination: "dir:/srv/mirror",
		KeepGoing:   true,
	})
	defer events.Close()
	for events.Next() {
		if failure := events.Message().GetError(); failure != "" {
			fmt.Println(events.Message().GetSource(), failure)
		}
	}
	fmt.Println(events.Err())
	// Output: holkas: method Sync not implemented (Unimplemented)
}

func ExampleClient_Sign() {
	_, err := client.Sign(ctx, &holkaspb.SignRequest{
		Image: "docker://registry.example.com/app:1",
		KeyId: "release",
	})
	fmt.Println(err)
	// Output: holkas: method Sign not implemented (Unimplemented)
}

func ExampleClient_Verify() {
	verdict, err := client.Verify(ctx, &holkaspb.VerifyRequest{Image: "docker://registry.example.com/app:1"})
	if err == nil && !verdict.GetAccepted() {
		fmt.Println("the policy rejects the image")
	}
	fmt.Println(err)
	// Output: holkas: method Verify not implemented (Unimplemented)
}

func ExampleClient_Import() {
	result, err := client.Import(ctx, &holkaspb.ImportOptions{
		Copy: &holkaspb.CopyRequest{Destination: "docker://registry.example.com/app:1"},
	}, openArchive()).Wait(func(event *holkaspb.ImportResponse) {
		if received := event.GetReceivedBytes(); received != 0 {
			fmt.Println("the server has", received, "bytes")
		}
	})
	fmt.Println(result.GetManifestDigest(), err)
	// Output:
	// the server has 22 bytes
	// sha256:9f86d0 <nil>
}

func ExampleClient_ImportFile() {
	_, err := client.ImportFile(ctx, &holkaspb.ImportOptions{
		Copy: &holkaspb.CopyRequest{Destination: "docker://registry.example.com/app:1"},
	}, "/nonexistent/app.tar").Wait(nil)
	fmt.Println(err)
	// Output: holkas: open archive: open /nonexistent/app.tar: no such file or directory
}

func ExampleClient_Export() {
	var archive strings.Builder
	result, err := client.Export(ctx, &holkaspb.ExportRequest{
		Copy:   &holkaspb.CopyRequest{Source: "docker://registry.example.com/app:1"},
		Format: holkaspb.ArchiveFormat_ARCHIVE_FORMAT_OCI,
	}, &archive).Wait(nil)
	fmt.Println(result.GetManifestDigest(), err)
	fmt.Println(archive.String())
	// Output:
	// sha256:exported <nil>
	// a tar of an OCI layout
}

func ExampleClient_ExportFile() {
	path := filepath.Join(os.TempDir(), "holkas-example.tar")
	defer os.Remove(path)
	_, err := client.ExportFile(ctx, &holkaspb.ExportRequest{
		Copy: &holkaspb.CopyRequest{Source: "docker://registry.example.com/app:1"},
	}, path).Wait(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	archive, err := os.ReadFile(path)
	fmt.Println(string(archive), err)
	// Output: a tar of an OCI layout <nil>
}

func ExampleClient_CheckCredentials() {
	err := client.CheckCredentials(ctx, &holkaspb.CheckCredentialsRequest{
		Registry: "registry.example.com",
		Access: &holkaspb.RegistryAccess{Credentials: &holkaspb.RegistryAccess_Basic{
			Basic: &holkaspb.BasicCredentials{Username: "ci", Password: "secret"},
		}},
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleClient_GetServerInfo() {
	info, err := client.GetServerInfo(ctx)
	fmt.Println(info.GetVersion(), info.GetIdentity(), err)
	// Output: 1.2.3 uid:1000 <nil>
}

func ExampleStream() {
	pages := client.ListTags(ctx, &holkaspb.ListTagsRequest{Repository: "docker://registry.example.com/app"})
	defer pages.Close()
	for pages.Next() {
		fmt.Println(pages.Message().GetTags())
	}
	if err := pages.Err(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// [1 2]
	// [latest]
}

func ExampleStream_Next() {
	pages := client.ListTags(ctx, &holkaspb.ListTagsRequest{Repository: "docker://registry.example.com/app"})
	defer pages.Close()
	fmt.Println(pages.Next(), pages.Next(), pages.Next())
	// Output: true true false
}

func ExampleStream_Message() {
	pages := client.ListTags(ctx, &holkaspb.ListTagsRequest{Repository: "docker://registry.example.com/app"})
	defer pages.Close()
	if pages.Next() {
		fmt.Println(pages.Message().GetTags())
	}
	// Output: [1 2]
}

func ExampleStream_Err() {
	events := client.Copy(ctx, &holkaspb.CopyRequest{Source: "docker://registry.example.com/app:gone"})
	defer events.Close()
	for events.Next() {
		fmt.Println(events.Message())
	}
	fmt.Println(events.Err())
	// Output: holkas: no such image (NotFound, MANIFEST_UNKNOWN)
}

func ExampleStream_Close() {
	events := client.Copy(ctx, &holkaspb.CopyRequest{
		Source:      "docker://registry.example.com/app:1",
		Destination: "dir:/srv/app",
	})
	// Leaves before the end: the server ends the copy, and undoes it.
	if events.Next() {
		events.Close()
	}
	fmt.Println(events.Err())
	// Output: holkas: the stream was closed (Canceled)
}

func ExampleCopyStream() {
	events := client.Copy(ctx, &holkaspb.CopyRequest{
		Source:      "docker://registry.example.com/app:1",
		Destination: "dir:/srv/app",
	})
	defer events.Close()
	for events.Next() {
		fmt.Println(events.Message().GetBlobStarted().GetDigest())
		break
	}
	// Output: sha256:60303a
}

func ExampleCopyStream_Result() {
	events := client.Copy(ctx, &holkaspb.CopyRequest{
		Source:      "docker://registry.example.com/app:1",
		Destination: "dir:/srv/app",
	})
	defer events.Close()
	for events.Next() {
	}
	fmt.Println(events.Result().GetManifestDigest())
	// Output: sha256:9f86d0
}

func ExampleCopyStream_Wait() {
	result, err := client.Copy(ctx, &holkaspb.CopyRequest{
		Source:      "docker://registry.example.com/app:1",
		Destination: "dir:/srv/app",
	}).Wait(func(event *holkaspb.CopyResponse) {
		if progress := event.GetBlobProgress(); progress != nil {
			fmt.Printf("%s: %d of %d bytes\n", progress.GetDigest(), progress.GetDoneBytes(), progress.GetSizeBytes())
		}
	})
	fmt.Println(result.GetManifestDigest(), err)
	// Output: sha256:9f86d0 <nil>
}

func ExampleOption() {
	options := []holkas.Option{holkas.WithToken("secret")}
	if os.Getenv("HOLKAS_CA") != "" {
		options = append(options, holkas.WithCAFile(os.Getenv("HOLKAS_CA")))
	}
	client, err := holkas.NewClient("tcp:holkas.example.com:7070", options...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
}

func ExampleWithCAFile() {
	_, err := holkas.NewClient("tcp:holkas.example.com:7070", holkas.WithCAFile("/nonexistent/ca.pem"))
	fmt.Println(err)
	// Output: holkas: read certificate authorities: open /nonexistent/ca.pem: no such file or directory
}

func ExampleWithClientCertificate() {
	_, err := holkas.NewClient("tcp:holkas.example.com:7070",
		holkas.WithClientCertificate("/nonexistent/ci.crt", "/nonexistent/ci.key"))
	fmt.Println(err)
	// Output: holkas: read the client's certificate: open /nonexistent/ci.crt: no such file or directory
}

func ExampleWithToken() {
	client, err := holkas.NewClient("tcp:holkas.example.com:7070", holkas.WithToken("secret"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
}

func ExampleWithInsecure() {
	_, err := holkas.NewClient("tcp:holkas.example.com:7070", holkas.WithInsecure())
	fmt.Println(err)
	// Output: holkas: server address "holkas.example.com:7070": without TLS the host must be a loopback address
}

func ExampleWithTimeouts() {
	timeouts := holkas.DefaultTimeouts()
	timeouts.Copy = 10 * time.Minute
	client, err := holkas.NewClient(server, holkas.WithTimeouts(timeouts))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
}

func ExampleWithDialOptions() {
	client, err := holkas.NewClient("tcp:holkas.example.com:7070", holkas.WithDialOptions(
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{ServerName: "holkas"})),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Minute})))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
}

func ExampleTimeouts() {
	client, err := holkas.NewClient(server, holkas.WithTimeouts(holkas.Timeouts{
		Inspect:       10 * time.Second,
		GetServerInfo: time.Second,
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
}

func ExampleDefaultTimeouts() {
	timeouts := holkas.DefaultTimeouts()
	fmt.Println(timeouts.Inspect, timeouts.GetServerInfo, timeouts.Copy)
	// Output: 1m0s 10s 0s
}
