// The script of the page of oomcage report, made of its modules. It is a module of its own so that those who use
// oomcage do not get esbuild with it.
module oomcage/bundle

go 1.26.0

require github.com/evanw/esbuild v0.28.2

require golang.org/x/sys v0.0.0-20220715151400-c0bba94af5f8 // indirect
