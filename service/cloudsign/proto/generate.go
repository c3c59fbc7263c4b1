//go:build ignore

// This program makes the Go code of the .proto files, and has it register its messages in the package alone.
package main

import (
	"bytes"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	dir, err := os.MkdirTemp("", "protoc")
	check(err)
	defer os.RemoveAll(dir)
	plugin := filepath.Join(dir, "protoc-gen-go")
	run("go", "build", "-o", plugin, "google.golang.org/protobuf/cmd/protoc-gen-go")
	sources, err := filepath.Glob("*.proto")
	check(err)
	run("protoc", append([]string{"--plugin=" + plugin, "--proto_path=.", "--go_out=.", "--go_opt=paths=source_relative"}, sources...)...)
	for _, source := range sources {
		name := source[:len(source)-len(".proto")] + ".pb.go"
		code, err := os.ReadFile(name)
		check(err)
		code = put(code, "protoimpl.TypeBuilder{\n", "\t\tTypeRegistry: types,\n")
		code = put(code, "protoimpl.DescBuilder{\n", "\t\t\tFileRegistry: files,\n")
		check(os.WriteFile(name, code, 0o644))
		run("gofmt", "-w", name)
	}
}

// put adds a line behind the one place where it belongs.
func put(code []byte, behind, line string) []byte {
	if bytes.Count(code, []byte(behind)) != 1 {
		log.Fatalf("the generated code has changed: look for %q", behind)
	}
	return bytes.Replace(code, []byte(behind), []byte(behind+line), 1)
}

func run(name string, args ...string) {
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	check(c.Run())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
