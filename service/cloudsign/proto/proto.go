// Package proto has the messages of service/cloudsign, as generated code.
//
// Their names are those of the existing service, and a program may well have messages of these names from elsewhere: the SDK
// of that service, or code generated from its .proto files. The registry of google.golang.org/protobuf panics at the start of
// a program in which one name is registered twice. The messages are therefore in a registry of this package and not in the
// global one; a clash is not possible. What follows from that: protoregistry and anypb do not find them.
package proto

import "google.golang.org/protobuf/reflect/protoregistry"

// It needs protoc (Debian: protobuf-compiler; made with 3.21.12). protoc-gen-go is that of the module's protobuf.
//go:generate go run generate.go

// Registries of the messages in this package; the generated code fills them.
var (
	files = new(protoregistry.Files)
	types = new(protoregistry.Types)
)
