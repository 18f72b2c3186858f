// Conformance makes calls that it reads from standard input, one JSON object per line, and answers each
// with a line on standard output. tests/conformance runs it beside the runners of other clients, and
// compares. A call:
//
//	{"rpc": "Copy", "request": {...}, "timeout_seconds": 30, "cancel_after_events": 2,
//	 "archive": "PATH to import", "output": "PATH to export to"}
//
// Its answer:
//
//	{"events": [...], "response": {...}, "error": {"code": "NOT_FOUND", "reason": "MANIFEST_UNKNOWN",
//	 "domain": "holkas.dev", "metadata": {...}, "message": "..."}}
//
// A load (tests/support/client_load.py) makes many calls at a time:
//
//	{"load": "cancel", "count": 1000, "parallel": 8, "max_delay_seconds": 0.5, "request": {...}}
//	{"ok": 1000, "completed": 12, "errors": []}
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	holkas "holkas.dev/clients/go"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("conformance: ")
	client, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := serve(client, os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// connect makes the client that the flags ask for.
func connect() (*holkas.Client, error) {
	server := flag.String("server", "", "the server, unix:/path or tcp:host:port")
	ca := flag.String("ca", "", "a file with certificate authorities")
	certificate := flag.String("cert", "", "a file with the client's certificate")
	key := flag.String("key", "", "a file with the client's private key")
	tokenFile := flag.String("token-file", "", "a file with a bearer token")
	insecure := flag.Bool("insecure", false, "speak without TLS")
	flag.Parse()
	var options []holkas.Option
	if *ca != "" {
		options = append(options, holkas.WithCAFile(*ca))
	}
	if *certificate != "" || *key != "" {
		options = append(options, holkas.WithClientCertificate(*certificate, *key))
	}
	if *tokenFile != "" {
		token, err := os.ReadFile(*tokenFile)
		if err != nil {
			return nil, err
		}
		options = append(options, holkas.WithToken(strings.TrimSpace(string(token))))
	}
	if *insecure {
		options = append(options, holkas.WithInsecure())
	}
	return holkas.NewClient(*server, options...)
}

// serve answers the calls of one reader, one after the other.
func serve(client *holkas.Client, from io.Reader, to io.Writer) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		var wanted call
		if err := json.Unmarshal(line, &wanted); err != nil {
			return fmt.Errorf("malformed call: %w", err)
		}
		answer, err := json.Marshal(answerTo(client, wanted))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(to, "%s\n", answer); err != nil {
			return err
		}
	}
}

// answerTo makes what a line of input asks for, and gives the line of output.
func answerTo(client *holkas.Client, wanted call) any {
	if wanted.Load != "" {
		return wanted.load.run(client, wanted.Request)
	}
	return run(client, wanted)
}
