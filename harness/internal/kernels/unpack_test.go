package kernels

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mustDeb makes a package of files, and one link, as dpkg-deb does. Its name ends with the compression.
func mustDeb(t *testing.T, ending string, files map[string]string) string {
	t.Helper()
	var packed, deb bytes.Buffer
	w := map[string]func() io.WriteCloser{
		".gz":  func() io.WriteCloser { return gzip.NewWriter(&packed) },
		".zst": func() io.WriteCloser { z, err := zstd.NewWriter(&packed); require.NoError(t, err); return z },
	}[ending]()
	archive := tar.NewWriter(w)
	for name, text := range files {
		require.NoError(t, archive.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(text))}))
		_, err := archive.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, archive.WriteHeader(&tar.Header{Name: "./lib/modules/6.1/build", Typeflag: tar.TypeSymlink, Linkname: "/usr/src"}))
	require.NoError(t, archive.Close())
	require.NoError(t, w.Close())
	deb.WriteString(debMagic)
	for _, m := range []struct{ name, data string }{{"debian-binary", "2.0"}, {"control.tar.xz", "any"}, {"data.tar" + ending, packed.String()}} {
		fmt.Fprintf(&deb, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m.name, 0, 0, 0, "100644", len(m.data), m.data)
		if len(m.data)%2 == 1 {
			deb.WriteByte('\n')
		}
	}
	return mustWrite(t, filepath.Join(t.TempDir(), "linux.deb"), deb.Bytes())
}

// tree are the files of a folder, but for those that say where they are from.
func tree(t *testing.T, dir string) (files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "from" {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, rel)
		}
		return err
	}))
	return files
}

var debian12 = map[string]string{
	"./boot/vmlinuz-6.1.0-9-cloud-amd64":                                               string(image("6.1.0-9-cloud-amd64")),
	"./boot/config-6.1.0-9-cloud-amd64":                                                "CONFIG_EXT4_FS=m\n",
	"./boot/System.map-6.1.0-9-cloud-amd64":                                            "none",
	"./lib/modules/6.1.0-9-cloud-amd64/modules.builtin":                                "kernel/fs/x.ko\n",
	"./lib/modules/6.1.0-9-cloud-amd64/kernel/fs/ext4/ext4.ko":                         "module",
	"./lib/modules/6.1.0-9-cloud-amd64/kernel/drivers/net/e1000.ko":                    "not needed",
	"./lib/modules/6.1.0-9-cloud-amd64/kernel/drivers/virtio/virtio_mmio.ko.xz":        "module",
	"./usr/share/doc/linux-image-6.1.0-9-cloud-amd64/lib/modules/kernel/fs/changes.ko": "not needed",
}

func TestAPackageIsUnpackedWhateverItIsCompressedBy(t *testing.T) {
	for _, ending := range []string{".gz", ".zst"} {
		s := newStore(t)
		deb := mustDeb(t, ending, debian12)
		k := mustAdd(t, s, deb)
		assert.Equal(t, "6.1.0-9-cloud-amd64", k.Name)
		assert.Equal(t, deb, k.From)
		assert.Equal(t, []string{
			"config", "lib/modules/6.1.0-9-cloud-amd64/kernel/drivers/virtio/virtio_mmio.ko.xz",
			"lib/modules/6.1.0-9-cloud-amd64/kernel/fs/ext4/ext4.ko", "lib/modules/6.1.0-9-cloud-amd64/modules.builtin", "vmlinuz",
		}, tree(t, filepath.Dir(k.Image)), ending)
		assert.Equal(t, []string{k.Name}, visible(t, s))
	}
}

// From 6.19 on Debian has them in several packages, and below /usr.
func TestAKernelInSeveralPackagesIsPutTogether(t *testing.T) {
	const r = "7.3.4+deb13-cloud-amd64"
	k := mustAdd(t, newStore(t),
		mustDeb(t, ".zst", map[string]string{"./usr/lib/modules/" + r + "/vmlinuz": string(image(r))}),
		mustDeb(t, ".gz", map[string]string{"./usr/lib/modules/" + r + "/config": "CONFIG_EXT4_FS=m\n"}),
		mustDeb(t, ".zst", map[string]string{"./usr/lib/modules/" + r + "/kernel/fs/ext4/ext4.ko.zst": "module"}))
	assert.Equal(t, r, k.Release)
	assert.Equal(t, []string{"config", "lib/modules/" + r + "/kernel/fs/ext4/ext4.ko.zst", "vmlinuz"}, tree(t, filepath.Dir(k.Image)))
}

func TestNoNameInAPackageLeadsOutOfTheStore(t *testing.T) {
	s := newStore(t)
	k := mustAdd(t, s, mustDeb(t, ".gz", map[string]string{
		"./boot/vmlinuz-6.1":                            string(image("6.1")),
		"./lib/modules/../../../../kernel/fs/a.ko":      "out",
		"./lib/modules/6.1/kernel/fs/../../../../../.x": "out",
		"/lib/modules/../kernel/fs/b.ko":                "out",
		"../boot/config-6.1":                            "CONFIG_X=y\n",
		"./lib/modules/6.1/kernel/fs/c.ko":              "module",
	}))
	assert.Equal(t, []string{"config", "lib/modules/6.1/kernel/fs/c.ko", "vmlinuz"}, tree(t, filepath.Dir(k.Image)))
	assert.Equal(t, []string{"6.1"}, visible(t, s))
	for _, release := range []string{"../6.1", ".lock", "6.1/../../x", ""} {
		_, err := s.Add(t.Context(), []string{mustWrite(t, filepath.Join(t.TempDir(), "vmlinuz"), image(release))}, silent)
		require.Error(t, err, release)
	}
	assert.Equal(t, []string{"6.1"}, visible(t, s))
}

func TestAFolderOrAnImageIsAKernelToo(t *testing.T) {
	dir := t.TempDir()
	for name, text := range debian12 {
		mustWrite(t, filepath.Join(dir, name), []byte(text))
	}
	const r = "6.1.0-9-cloud-amd64"
	whole := []string{
		"config", "lib/modules/" + r + "/kernel/drivers/virtio/virtio_mmio.ko.xz",
		"lib/modules/" + r + "/kernel/fs/ext4/ext4.ko", "lib/modules/" + r + "/modules.builtin", "vmlinuz",
	}
	unpacked := mustAdd(t, newStore(t), dir)
	assert.Equal(t, whole, tree(t, filepath.Dir(unpacked.Image)), "the root of a package")
	assert.Equal(t, whole, tree(t, filepath.Dir(mustAdd(t, newStore(t), filepath.Dir(unpacked.Image)).Image)), "a folder of a store")

	boot := filepath.Join(dir, "boot/vmlinuz-"+r)
	assert.Equal(t, []string{"config", "vmlinuz"}, tree(t, filepath.Dir(mustAdd(t, newStore(t), boot).Image)), "an image")

	modules := filepath.Join(dir, "lib/modules", r)
	mustWrite(t, filepath.Join(modules, "vmlinuz"), image(r))
	mustWrite(t, filepath.Join(modules, "config"), []byte("CONFIG_EXT4_FS=m\n"))
	assert.Equal(t, whole, tree(t, filepath.Dir(mustAdd(t, newStore(t), modules).Image)), "a folder of lib/modules")
}

func TestAGivenKernelReplacesTheOneOfItsName(t *testing.T) {
	s := newStore(t)
	first := mustAdd(t, s, mustDeb(t, ".gz", debian12))
	again := mustAdd(t, s, mustWrite(t, filepath.Join(t.TempDir(), "vmlinuz"), image(first.Release)))
	assert.Equal(t, first.Image, again.Image)
	assert.Equal(t, []string{"vmlinuz"}, tree(t, filepath.Dir(again.Image)))
	assert.Equal(t, []string{first.Name}, visible(t, s))
}

func TestWhatHoldsNoKernelIsRefusedInWords(t *testing.T) {
	dir := t.TempDir()
	whole, err := os.ReadFile(mustDeb(t, ".gz", debian12))
	require.NoError(t, err)
	two := filepath.Join(dir, "two")
	for _, r := range []string{"6.1", "6.2"} {
		mustWrite(t, filepath.Join(two, "vmlinuz-"+r), image(r))
	}
	for want, file := range map[string]string{
		"no such file or directory":                                filepath.Join(dir, "absent"),
		"is neither a .deb, nor a folder, nor an x86 kernel image": mustWrite(t, filepath.Join(dir, "text"), []byte("text")),
		"it is no .deb: it is not an ar archive":                   mustWrite(t, filepath.Join(dir, "text.deb"), []byte("text")),
		"it has no data.tar":                                       mustWrite(t, filepath.Join(dir, "head.deb"), whole[:100]),
		"unexpected EOF":                                           mustWrite(t, filepath.Join(dir, "half.deb"), whole[:len(whole)/2]),
		"there is no kernel in ":                                   mustDeb(t, ".gz", map[string]string{"./usr/bin/x": "x"}),
		"there are several kernels in " + two + ": 6.1, 6.2":       two,
		"linux.deb is not an x86 kernel image":                     mustDeb(t, ".gz", map[string]string{"./boot/vmlinuz-6.1": "x"}),
	} {
		s := newStore(t)
		_, err := s.Add(t.Context(), []string{file}, silent)
		require.ErrorContains(t, err, want, file)
		assert.Empty(t, visible(t, s))
	}
}
