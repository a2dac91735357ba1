// Package cgroup is the one place of oomcage that touches the kernel's cgroup v2 files.
//
// Limits, controllers and lists of processes go through github.com/containerd/cgroups/v3. What that
// library does not cover is here: where cages may be put, cgroups that nobody had before, the files it does
// not read (memory.events.local, memory.peak, PSI totals), waiting for a change by EPOLLPRI, killing without
// a race, and removing what a killed run left behind.
//
// The rules come from the kernel's Documentation/admin-guide/cgroup-v2.rst.
package cgroup
