package vm

// timeVariable tells init when QEMU was started, by the host's clock, in nanoseconds since 1970.
const timeVariable = "OOMCAGE_TIME"

// Paths in the guest. They hide in one folder, so that the root looks as on any machine.
const (
	guestFolder   = "/.oomcage"
	guestJob      = guestFolder + "/job.json"
	guestManifest = guestFolder + "/built.json"
	guestBin      = guestFolder + "/bin"
	guestModules  = guestFolder + "/modules"
	guestGrowing  = guestFolder + "/growing"
	// The disk of -scratch. Elsewhere, it would hide what is there on the host and was carried here.
	guestDisk    = guestFolder + "/disk"
	guestScratch = guestDisk + "/tmp"  // TMPDIR on it
	guestWork    = guestDisk + "/work" // the working directory on it
)

// job is what the host asks of the guest. It travels in the initramfs.
type job struct {
	// Probe asks for nothing but a hello: does a guest boot at all?
	Probe bool     `json:"probe,omitempty"`
	Path  string   `json:"path,omitempty"` // of the program, absolute
	Args  []string `json:"args,omitempty"` // argv, with argv[0]
	Env   []string `json:"env,omitempty"`
	Dir   string   `json:"dir,omitempty"`
	// Emulated says that the guest's CPUs are, without KVM.
	Emulated bool   `json:"emulated,omitempty"`
	Host     string `json:"host,omitempty"` // host name
	// Merged says that the program's stdout and stderr are one file, as under go test.
	Merged bool `json:"merged,omitempty"`
	// Stdout and Stderr are the terminals that they are on the host, or nil.
	Stdout *terminal `json:"stdout,omitempty"`
	Stderr *terminal `json:"stderr,omitempty"`
	Out    []out     `json:"out,omitempty"`
	// Modules are the files of kernel modules, in the order of loading.
	Modules []string `json:"modules,omitempty"`
	Disks   []string `json:"disks,omitempty"` // serials of those to be used
	// WorkOnDisk moves the working directory to the disk of -scratch.
	WorkOnDisk bool `json:"workOnDisk,omitempty"`
}

// out is a place whose new and changed files go back to the host.
type out struct {
	Path string `json:"path"`          // absolute, the same on both sides
	Dir  bool   `json:"dir,omitempty"` // all files below it; otherwise that one file
	// Grows says that what is added to the file goes back at once, and not only when the program has ended.
	Grows bool `json:"grows,omitempty"`
	// Given says that the command line names it as the file to write, so that it takes the place of an older one.
	Given bool `json:"given,omitempty"`
}

// exitStatus is the guest's last word.
type exitStatus struct {
	Code   int    `json:"code"`             // of the program
	Signal int    `json:"signal,omitempty"` // that ended it, or 0
	OOM    string `json:"oom,omitempty"`    // what the kernel's log says, when the whole guest ran out and it chose the program
	Error  string `json:"error,omitempty"`  // what the guest's init could not do
}
