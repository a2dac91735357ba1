package manifest

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/outcome"
)

// unitFile reads the settings of a service, scope or slice of systemd: its file with its drop-ins, from the folder of the path or, for a
// name alone that is no file here, from systemd's own folders. What is in force now, by systemctl set-property, may differ.
func unitFile(path string, n Node) (*Settings, error) {
	section := unitKinds[filepath.Ext(path)]
	if section == "" {
		return nil, fmt.Errorf("%s is no unit that has limits: its name ends in .service, .scope or .slice", path)
	}
	files, err := unitFiles(path)
	if err != nil {
		return nil, err
	}
	lines, err := readUnit(files, section)
	if err != nil {
		return nil, err
	}
	u := unit{node: n, Settings: Settings{Name: filepath.Base(path), Files: files, Limits: outcome.Limits{Swap: outcome.Unlimited}}}
	for _, a := range lines {
		if err := u.set(a); err != nil {
			return nil, err
		}
	}
	u.finish()
	return &u.Settings, nil
}

// unit is one that is being read.
type unit struct {
	Settings
	node      Node
	policy    string
	delegated bool
	oldLimit  outcome.Bytes // MemoryLimit
	hasNew    bool          // a limit of cgroup v2, with which MemoryLimit does not count
	lost      []assignment
}

// set takes over a line of the unit. Of several of one name the last counts, and an empty value is the default.
func (u *unit) set(a assignment) (err error) {
	l := &u.Limits
	size := func(to *outcome.Bytes, none outcome.Bytes) {
		u.hasNew = true
		*to, err = u.size(a, none)
	}
	switch a.key {
	case "MemoryMax":
		size(&l.Max, 0)
	case "MemoryHigh":
		size(&l.High, 0)
	case "MemoryLow":
		size(&l.Low, 0)
	case "MemoryMin":
		size(&l.Min, 0)
	case "MemorySwapMax":
		size(&l.Swap, outcome.Unlimited)
	case "MemoryLimit":
		u.oldLimit, err = u.size(a, 0)
	case "OOMScoreAdjust":
		u.OOMScoreAdj, err = a.adj()
	case "OOMPolicy":
		if !slices.Contains([]string{"", "continue", "stop", "kill"}, a.value) {
			return a.errorf("it is continue, stop or kill")
		}
		u.policy = a.value
	case "TasksMax":
		err = u.tasks(a)
	case "Delegate": // a list of controllers, of which none is all
		u.delegated = !slices.Contains([]string{"0", "no", "n", "false", "f", "off"}, strings.ToLower(a.value))
	default:
		u.note(a)
	}
	return err
}

// adj is an oom_score_adj; nil is what systemd has itself.
func (a assignment) adj() (*int, error) {
	if a.value == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(a.value, 0, 32) // safe_atoi: 0x10 is one
	if err != nil || strings.Contains(a.value, "_") || n < outcome.OOMScoreAdjMin || n > outcome.OOMScoreAdjMax {
		return nil, a.errorf("it is a number from %d to %d", outcome.OOMScoreAdjMin, outcome.OOMScoreAdjMax)
	}
	adj := int(n)
	return &adj, nil
}

// tasks is pids.max.
func (u *unit) tasks(a assignment) error {
	delete(u.Limits.Files, "pids.max")
	if a.value == "" || a.value == "infinity" {
		return nil
	}
	if strings.HasSuffix(a.value, "%") {
		u.lost = append(u.lost, a)
		return nil
	}
	n, err := strconv.ParseInt(a.value, 0, 64) // safe_atou64: 1K is none, and 0x10 one
	if err != nil || n < 1 || strings.Contains(a.value, "_") {
		return a.errorf("it is a number from 1 on, a share as 10%%, or infinity")
	}
	u.Limits.Files = map[string]string{"pids.max": strconv.FormatInt(n, 10)}
	return nil
}

// size is a size, a share of the node's memory, or infinity; none is what stands for an empty one or infinity.
func (u *unit) size(a assignment, none outcome.Bytes) (outcome.Bytes, error) {
	if a.value == "" {
		return none, nil
	}
	if a.value == "infinity" {
		if a.key == "MemoryLow" || a.key == "MemoryMin" {
			return outcome.Unlimited, nil
		}
		return none, nil
	}
	var n outcome.Bytes
	var err error
	if number, share := strings.CutSuffix(a.value, "%"); share {
		if u.node.Guest {
			return 0, a.errorf("%w", ErrGuest)
		}
		n, err = u.share(number)
	} else {
		n, err = parseSize(a.value)
	}
	if err != nil {
		return 0, a.errorf("%w", err)
	}
	if n == 0 && (a.key == "MemoryMax" || a.key == "MemoryHigh" || a.key == "MemoryLimit") {
		return 0, a.errorf("systemd takes 0 for a mistake, and ignores it")
	}
	if a.key == "MemoryMax" && n < outcome.SmallestMax {
		return 0, a.errorf("it is %d bytes, and below %v no program can be executed", n, outcome.SmallestMax)
	}
	return n, nil
}

var shareForm = regexp.MustCompile(`^([0-9]{1,3})(?:\.([0-9]{1,2}))?$`)

// share is that of the node's memory, in hundredths of a percent as systemd takes it (parse_permyriad), and down to a page.
func (u *unit) share(percent string) (outcome.Bytes, error) {
	m := shareForm.FindStringSubmatch(percent)
	if m == nil {
		return 0, errors.New("a share is from 0% to 100%, with two digits behind the point at most")
	}
	whole, _ := strconv.ParseInt(m[1]+(m[2] + "00")[:2], 10, 64) // digits alone
	if whole > 10000 {
		return 0, errors.New("a share is from 0% to 100%")
	}
	pages := int64(u.node.Memory / u.node.pageSize())
	return outcome.Bytes(pages/10000*whole+pages%10000*whole/10000) * u.node.pageSize(), nil
}

// sizePart is one of the parts of a size: 1G 512M is one and a half. Spaces may stand before the suffix, and no digits behind the point.
var sizePart = regexp.MustCompile(`^([0-9]{1,19})(?:\.([0-9]{0,18}))?\s*([EPTGMKB]?)\s*`)

// parseSize reads a size as parse_size of systemd does, by powers of 1024. Its suffixes are capitals, and the larger ones first.
func parseSize(text string) (outcome.Bytes, error) {
	const units = "BKMGTPE"
	sum, last := 0.0, len(units)
	var exact int64
	for rest := text; rest != "" || text == ""; {
		m := sizePart.FindStringSubmatch(rest)
		switch {
		case m != nil && last == 0:
			return 0, errors.New("nothing stands behind bytes")
		case m == nil:
			return 0, errors.New("it is no size: systemd's look like 64M, 1.5G or 1073741824, with capitals, or infinity")
		}
		power := max(strings.Index(units, m[3]), 0) // "" is at 0 too
		if power >= last {
			return 0, errors.New("of a size in parts the larger unit stands first")
		}
		last = power
		if m[3] == "" || m[3] == "B" {
			last = 0
		}
		one := int64(1) << (10 * power)
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || n > math.MaxInt64/one || exact > math.MaxInt64-n*one {
			return 0, errors.New("it is out of range: 8E and more are too much")
		}
		exact += n * one
		if m[2] != "" {
			fraction, _ := strconv.ParseFloat("0."+m[2], 64) // digits alone
			sum += fraction * float64(one)
		}
		rest = rest[len(m[0]):]
	}
	if exact > math.MaxInt64-int64(sum) {
		return 0, errors.New("it is out of range: 8E and more are too much")
	}
	return outcome.Bytes(exact + int64(sum)), nil
}
