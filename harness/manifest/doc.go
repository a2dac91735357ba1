// Package manifest reads the memory limits of a container or a service from the file that sets them where it really runs: a
// Kubernetes manifest, a Compose file, or a unit of systemd. A cage with these limits kills as the cluster or the machine would.
//
//	s, err := manifest.Read(ctx, "deploy.yaml:web/app", node)
//	…
//	spec.Limits = s.Limits
//	spec.Target.OOMScoreAdj = s.OOMScoreAdj
//
// What such a file says beside that, and what has a part in how a program dies for want of memory, is in Settings.Lost: a cage
// has one container, and no limit of the CPU. Nothing else of the file is looked at: which program is run is the caller's.
//
// The rules are those of the kubelet of Kubernetes 1.34 on cgroup v2, of Docker 28 with runc, and of systemd 257.
package manifest
