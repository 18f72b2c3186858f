package holkas_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"
)

// parse reads the files of this package.
func parse(t *testing.T, want func(name string) bool) []*ast.File {
	t.Helper()
	packages, err := parser.ParseDir(token.NewFileSet(), ".", func(about fs.FileInfo) bool { return want(about.Name()) }, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, one := range packages {
		for _, file := range one.Files {
			files = append(files, file)
		}
	}
	return files
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// exported is the exported names of the package, methods as Type_Method and fields as Type.Field, and
// whether each is documented.
func exported(t *testing.T) map[string]bool {
	names := map[string]bool{}
	for _, file := range parse(t, func(name string) bool { return !isTest(name) }) {
		for _, declaration := range file.Decls {
			switch declared := declaration.(type) {
			case *ast.FuncDecl:
				if name := nameOf(declared); name != "" {
					names[name] = declared.Doc.Text() != ""
				}
			case *ast.GenDecl:
				for _, spec := range declared.Specs {
					addSpec(names, declared, spec)
				}
			}
		}
	}
	return names
}

// nameOf is the name of a function or method; empty where it, or its type, is not exported.
func nameOf(function *ast.FuncDecl) string {
	if !function.Name.IsExported() {
		return ""
	}
	if function.Recv == nil {
		return function.Name.Name
	}
	receiver := function.Recv.List[0].Type
	for {
		switch of := receiver.(type) {
		case *ast.StarExpr:
			receiver = of.X
		case *ast.IndexExpr:
			receiver = of.X
		case *ast.Ident:
			if !of.IsExported() {
				return ""
			}
			return of.Name + "_" + function.Name.Name
		}
	}
}

func addSpec(names map[string]bool, declared *ast.GenDecl, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if !spec.Name.IsExported() {
			return
		}
		names[spec.Name.Name] = declared.Doc.Text() != "" || spec.Doc.Text() != ""
		fields, ok := spec.Type.(*ast.StructType)
		if !ok {
			return
		}
		for _, field := range fields.Fields.List {
			for _, name := range field.Names {
				if name.IsExported() {
					names[spec.Name.Name+"."+name.Name] = field.Doc.Text() != ""
				}
			}
		}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if name.IsExported() {
				names[name.Name] = spec.Doc.Text() != ""
			}
		}
	}
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	for name, documented := range exported(t) {
		if !documented {
			t.Errorf("%s has no comment", name)
		}
	}
}

func TestEveryExportedNameHasAnExample(t *testing.T) {
	examples := map[string]bool{}
	for _, file := range parse(t, isTest) {
		for _, declaration := range file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && strings.HasPrefix(function.Name.Name, "Example") {
				examples[strings.TrimPrefix(function.Name.Name, "Example")] = true
			}
		}
	}
	names := exported(t)
	if len(names) < 40 {
		t.Fatalf("only these names were found: %v", names)
	}
	for name := range names {
		if !strings.Contains(name, ".") && !examples[name] {
			t.Errorf("Example%s is missing", name)
		}
	}
}
