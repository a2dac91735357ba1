// Programs that nobody here wrote, in cages: make programs. It is a module of its own as it boots microVMs and needs
// Debian's packages, which go test ./... does not.
module oomcage/programs

go 1.26.0

require oomcage v0.0.0

require github.com/docker/go-units v0.5.0 // indirect

replace oomcage => ../../..
