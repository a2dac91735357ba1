//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/kernels"
	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/vm"
)

const kernelsLong = `kernels lists the kernels that the microVM can boot: those that were fetched or added, by their names, which
"oomcage vm -kernel NAME" and OOMCAGE_KERNEL=NAME take, and those of this machine. The last line says which one it boots
if it is not told.

  oomcage kernels                # list them
  oomcage kernels fetch          # the newest of Debian's or Ubuntu's
  oomcage kernels fetch 6.12     # the newest of a series
  oomcage kernels fetch all      # Debian's 6.1, 6.12, 6.18 and its newest
  oomcage kernels remove 6.12
  oomcage kernels fetch --arch arm64 6.12       # one for arm64, wherever this runs
  oomcage kernels fetch --arch arm64 6.12-16k   # and one with pages of 16 KiB

They lie in $XDG_CACHE_HOME/oomcage/kernels, or ~/.cache/oomcage/kernels, for their user alone.`

const fetchLong = `fetch fetches stock kernels with apt-get, from this machine's own package sources and with its keys; where those
are Debian's, its other suites are added to them. It takes no root and installs nothing. What is there already
stays, and takes no network: --again looks for newer ones.

NAME is a series such as 6.12, or all for Debian's 6.1, 6.12, 6.18 and its newest. Without it, it is the newest.
Kernels for another processor than this machine's, --arch, come from Debian's suites alone. 6.12-16k is one for arm64
with pages of 16 KiB.`

const addLong = `add puts a kernel of yours beside those that were fetched, named by its release. FILE is a package of Debian's or Ubuntu's
(where the modules have another package than the kernel, name both), a folder such as /lib/modules/RELEASE or
an unpacked package, or a kernel (bzImage, for arm64 Image), whose configuration goes along where it lies beside it.`

func newKernelsCommand() *cobra.Command {
	arch := string(kernels.Host)
	cmd := &cobra.Command{
		Use: "kernels", Short: "List, fetch and remove the kernels of the microVM",
		Long: withCodes(kernelsLong, "kernels"), Args: cobra.NoArgs,
		RunE: withKernels(&arch, func(cmd *cobra.Command, store kernels.Store, _ []string) error {
			return listKernels(cmd.OutOrStdout(), store, kernels.Arch(arch))
		}),
	}
	cmd.PersistentFlags().StringVar(&arch, "arch", arch, "processor that the kernels are for: amd64 or arm64")
	cmd.AddCommand(newFetchCommand(&arch), newAddCommand(&arch), newRemoveCommand(&arch))
	return cmd
}

func newFetchCommand(arch *string) *cobra.Command {
	var again bool
	cmd := &cobra.Command{
		Use: "fetch [NAME|all]", Short: "Fetch stock kernels with apt-get", Long: withCodes(fetchLong, "kernels"),
		Args: cobra.MaximumNArgs(1),
		RunE: withKernels(arch, func(cmd *cobra.Command, store kernels.Store, args []string) error {
			what := kernels.Newest
			if len(args) > 0 {
				what = args[0]
			}
			have, err := store.Fetch(cmd.Context(), what, again, sayer(cmd))
			if err != nil {
				return asKernelUsage(err)
			}
			return printKernels(cmd.OutOrStdout(), have)
		}),
	}
	cmd.Flags().BoolVar(&again, "again", false, "look for newer ones")
	return cmd
}

func newAddCommand(arch *string) *cobra.Command {
	return &cobra.Command{
		Use: "add FILE…", Short: "Add a kernel: .deb packages, a folder, or an image", Long: withCodes(addLong, "kernels"),
		Args: cobra.MinimumNArgs(1), DisableFlagsInUseLine: true,
		RunE: withKernels(arch, func(cmd *cobra.Command, store kernels.Store, files []string) error {
			k, err := store.Add(cmd.Context(), files, sayer(cmd))
			if err != nil {
				return err
			}
			return printKernels(cmd.OutOrStdout(), []kernels.Kernel{k})
		}),
	}
}

func newRemoveCommand(arch *string) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME…", Short: "Remove kernels that were fetched or added",
		Long: withCodes("remove removes kernels by the names that oomcage kernels lists, or all of them: all.", "kernels"),
		Args: cobra.MinimumNArgs(1), DisableFlagsInUseLine: true,
		RunE: withKernels(arch, func(cmd *cobra.Command, store kernels.Store, names []string) error {
			if len(names) == 1 && names[0] == kernels.All {
				have, err := store.List()
				if err != nil {
					return err
				}
				names = nil
				for _, k := range have {
					names = append(names, k.Name)
				}
			}
			return asKernelUsage(store.Remove(cmd.Context(), names...))
		}),
	}
}

// asKernelUsage marks the error of a name that there is not.
func asKernelUsage(err error) error {
	if errors.Is(err, kernels.ErrNoSuchKernel) {
		return usageError{err}
	}
	return err
}

// sayer tells the user of what takes time.
func sayer(cmd *cobra.Command) func(string) {
	return func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), "oomcage kernels:", line) }
}

// withKernels runs a subcommand with the kernels for a processor.
func withKernels(arch *string, run func(cmd *cobra.Command, store kernels.Store, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a := kernels.Arch(*arch)
		if a != kernels.AMD64 && a != kernels.ARM64 {
			return usageError{fmt.Errorf("--arch is amd64 or arm64, not %q", a)}
		}
		store, err := kernels.User(a)
		if err != nil {
			return err
		}
		return run(cmd, store, args)
	}
}

// kernelsLine names the releases of the kernels that were fetched or added, on a line of its own.
func kernelsLine() string {
	store, err := kernels.User(kernels.Host)
	if err != nil {
		return ""
	}
	all, err := store.List()
	if err != nil {
		return "\nkernels not known: " + printable.Line(err.Error())
	}
	if len(all) == 0 {
		return "\nno kernels; to help: oomcage kernels fetch"
	}
	names := make([]string, 0, len(all))
	for _, k := range all {
		names = append(names, printable.Line(k.Release))
	}
	return "\nkernels " + strings.Join(names, ", ")
}

// listKernels prints all kernels, and which one the microVM boots.
func listKernels(w io.Writer, store kernels.Store, arch kernels.Arch) error {
	all, err := store.List()
	if err != nil {
		return err
	}
	if arch == kernels.Host {
		installed, _ := kernels.Installed()
		all = append(all, installed...)
	}
	if len(all) > 0 {
		if err := printKernels(w, all); err != nil {
			return err
		}
	}
	file, err := vm.DefaultKernel(arch)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\noomcage vm boots %s\n", printable.Line(file))
	return err
}

func printKernels(w io.Writer, all []kernels.Kernel) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tRELEASE\tSIZE\tFROM")
	for _, k := range all {
		from := k.From
		if k.Name == "" {
			from += ": " + k.Image
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", cmp.Or(k.Name, "-"), printable.Line(k.Release), human.Size(k.Size), printable.Line(from))
	}
	return table.Flush()
}
