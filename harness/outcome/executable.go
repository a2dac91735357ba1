package outcome

// Executable says which file was run. Of a script, or of a program that starts another, it is that file alone:
// not its interpreter, nor what it loads, starts or is given as an argument.
type Executable struct {
	Path   string `json:"path,omitempty"`   // where Target.Path led to; of a container, Target.Image
	SHA256 string `json:"sha256,omitempty"` // of its bytes, in hexadecimal; of a container, the image's ID; empty where it could not be read, as one of mode 0111
}
