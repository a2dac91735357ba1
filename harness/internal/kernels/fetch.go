package kernels

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/advise"
)

// aptGrace is how long apt may take to end after it was interrupted.
const aptGrace = 5 * time.Second

// largePages ends the names of kernels with pages of 16 KiB, which there are for arm64.
const largePages = "-16k"

// What can be asked for beside a series such as 6.12.
const (
	Newest = "newest" // the newest that there is
	All    = "all"    // those of series, and the newest
)

// series are Debian 12's kernel, Debian 13's, and the one of the last year before kernels came in several packages.
var series = []string{"6.1", "6.12", "6.18"}

// Series is a kernel's by the first two numbers of its version.
var Series = regexp.MustCompile(`^[0-9]+\.[0-9]+(` + largePages + `)?$`)

// fetchable reports whether there may be such a kernel for the processor.
func (a Arch) fetchable(what string) bool {
	return what == Newest || what == All || Series.MatchString(what) && (a.large() != "" || !strings.HasSuffix(what, largePages))
}

// Fetch fetches stock kernels with apt, which must be there: of a series, Newest or All. What is there already stays,
// and takes no network, unless it is to be looked for again. It returns what was asked for, the oldest first.
func (s Store) Fetch(ctx context.Context, what string, again bool, say func(string)) (all []Kernel, err error) {
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx) // not what apt says when it is interrupted
		}
	}()
	if !s.arch.fetchable(what) {
		also := ""
		if s.arch.large() != "" {
			also = " or 6.12" + largePages
		}
		return nil, &advise.Finding{
			Found: fmt.Sprintf("%q is no kernel that can be fetched", what),
			Help:  "name a series such as 6.12" + also + ", or all for " + strings.Join(series, ", ") + " and the newest; without a name it is the newest",
			Kind:  ErrNoSuchKernel,
		}
	}
	unlock, err := s.lock(ctx, say)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if have := s.fetched(what); len(have) > 0 && !again {
		return have, nil
	}
	work, err := os.MkdirTemp(s.dir, tempPrefix)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	a, err := newApt(ctx, work, s, say)
	if err != nil {
		return nil, err
	}
	releases, err := a.releases(ctx, what)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, release := range releases {
		k, err := s.fetch(ctx, a, release, say)
		if err != nil {
			return nil, err
		}
		names = append(names, k.Name)
	}
	if err := s.remember(what, names); err != nil {
		return nil, err
	}
	return s.fetched(what), nil
}

// firstTwo are the numbers that name a series.
var firstTwo = regexp.MustCompile(`^[0-9]+\.[0-9]+`)

// seriesOf is what a kernel that was fetched is called.
func seriesOf(release string) string {
	name := firstTwo.FindString(release)
	if strings.HasSuffix(release, largePages) {
		name += largePages
	}
	return name
}

// fetch fetches the kernel of a release, unless it is there.
func (s Store) fetch(ctx context.Context, a *apt, release string, say func(string)) (Kernel, error) {
	name := seriesOf(release)
	if k, err := s.Find(name); err == nil && k.Release == release {
		return k, nil
	}
	image := "linux-image-" + release
	say("fetching " + image)
	stage, err := newStaging(s.dir, s.arch)
	if err != nil {
		return Kernel{}, err
	}
	defer stage.remove()
	// Up to 6.18 Debian has all in one package. From 6.19 on, the image stands for linux-binary (the kernel),
	// linux-base (its configuration) and linux-modules; Ubuntu keeps the last two in one.
	parts := a.depends(ctx, image, regexp.MustCompile(`^linux-[a-z]*-`+regexp.QuoteMeta(release)+`$`))
	for _, pkg := range append([]string{image}, parts...) {
		deb, err := a.download(ctx, pkg)
		if err != nil {
			return Kernel{}, err
		}
		if err := stage.deb(deb); err != nil {
			return Kernel{}, err
		}
		os.Remove(deb)
	}
	dir, got, err := stage.finish(image)
	if err != nil {
		return Kernel{}, err
	}
	if got != release {
		return Kernel{}, fmt.Errorf("the kernel in %s says that it is %s", image, got)
	}
	return s.install(dir, name)
}

// releases are what uname -r prints on the kernels that are asked for and that there are, the oldest first.
func (a *apt) releases(ctx context.Context, what string) ([]string, error) {
	names, err := a.names(ctx, "linux-image-")
	if err != nil {
		return nil, err
	}
	var found []string
	cloud := a.arch.cloud()
	switch what {
	case Newest:
		found = append(found, newest(names, "", cloud))
	case All:
		for _, one := range series {
			found = append(found, newest(names, one, cloud))
		}
		found = append(found, newest(names, "", cloud))
	default:
		if one, large := strings.CutSuffix(what, largePages); large {
			found = append(found, newest(names, one, a.arch.large()))
		} else if found = append(found, newest(names, what, cloud)); found[0] == "" {
			found[0] = newest(names, what, "-generic")
		}
	}
	if found = slices.DeleteFunc(found, func(r string) bool { return r == "" }); len(found) == 0 && (what == Newest || what == All) {
		// Not Debian's archive. Ubuntu's has more versions than it supports, so what it names counts.
		for _, meta := range []string{"linux-image-virtual", "linux-image-generic"} {
			for _, image := range a.depends(ctx, meta, regexp.MustCompile(`^linux-image-[0-9]`)) {
				found = append(found, strings.TrimPrefix(image, "linux-image-"))
			}
			if len(found) > 0 {
				break
			}
		}
	}
	if len(found) == 0 {
		need := fmt.Sprintf("linux-image-…%s, linux-image-virtual or linux-image-generic", cloud)
		if one, large := strings.CutSuffix(what, largePages); large {
			need = fmt.Sprintf("linux-image-%s.…%s", one, a.arch.large())
		} else if Series.MatchString(what) {
			need = fmt.Sprintf("linux-image-%[1]s.…%[2]s or linux-image-%[1]s.…-generic", what, cloud)
		}
		return nil, advise.New("this machine's package sources have no "+need,
			"add Debian's or Ubuntu's own archive to /etc/apt/sources.list and fetch again; or "+byHand)
	}
	slices.SortFunc(found, compareVersions)
	return slices.Compact(found), nil
}

// newest is the newest release of the flavour, of a series where one is named, or "". Kernels have three numbers, release
// candidates two.
func newest(packages []string, series, flavour string) string {
	pattern := regexp.MustCompile(`^linux-image-(` + strings.ReplaceAll(cmp.Or(series, `[0-9]+.[0-9]+`), ".", "[.]") + `[.][0-9].*` + flavour + `)$`)
	best := ""
	for _, name := range packages {
		if m := pattern.FindStringSubmatch(name); m != nil && (best == "" || compareVersions(m[1], best) > 0) {
			best = m[1]
		}
	}
	return best
}

// record says which kernels were there when something was fetched, by what was asked for.
type record map[string][]string

// key is what a request means here and now: another oomcage may have other series.
func key(what string) string {
	if what == All {
		return strings.Join(append(slices.Clone(series), Newest), " ")
	}
	return what
}

func (s Store) readRecord() record {
	r := record{}
	if data, err := os.ReadFile(filepath.Join(s.dir, ".fetched.json")); err == nil && json.Unmarshal(data, &r) == nil {
		return r
	}
	return record{} // what cannot be read is fetched again
}

// fetched are the kernels of an earlier fetching; none if one of them is missing.
func (s Store) fetched(what string) []Kernel {
	var all []Kernel
	for _, name := range s.readRecord()[key(what)] {
		k, err := s.Find(name)
		if err != nil {
			return nil
		}
		all = append(all, k)
	}
	return all
}

func (s Store) remember(what string, names []string) error {
	r := s.readRecord()
	r[key(what)] = names
	if what == All {
		r[Newest] = names[len(names)-1:]
	}
	for _, name := range names {
		r[name] = []string{name}
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	tmp := filepath.Join(s.dir, tempPrefix+"fetched")
	if err := os.WriteFile(tmp, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(s.dir, ".fetched.json"))
}
