package secretsmanager

import (
	"bytes"
	"crypto/rand"
	"slices"

	"github.com/keyturn/keyturn/auth"
)

// maxMembers is how many keys of a set auth.ParseKeys reads.
const maxMembers = 32

// set rewrites a JWK set: the fresh key comes before the one that was active,
// which stays for those who verify with the set, without its private half.
// Members whose keys are gone for good are left out; all others stay.
func (r *rewriter) set(text []byte) ([]byte, error) {
	s, err := setOf(text)
	if err != nil {
		return nil, err
	}
	active := s.find(r.old)
	if active < 0 {
		return nil, unwritable("the active key of its set can't be found in it")
	}
	was := s.texts[active]
	fresh, err := rewriteJWK(was, r.fresh, r.kid)
	if err != nil {
		return nil, err
	}
	members, err := membersOf(was)
	if err != nil {
		return nil, unwritable("a JWK can't be taken apart: %v", err)
	}
	kid, named := members.get("kid")
	named = named && kid.text() != ""
	if !named && len(s.texts) == 1 { // a set of one, and its readers know no kids
		return s.write([][]byte{fresh}, ""), nil
	}
	verifying, err := publicOnly(was)
	if err != nil {
		return nil, err
	}
	var items [][]byte
	for i, item := range s.texts {
		switch {
		case i == active:
			items = append(items, fresh, verifying)
		case s.kids[i] != "" && r.gone != nil && r.gone(s.kids[i]):
		default:
			items = append(items, item)
		}
	}
	if len(items) > maxMembers {
		return nil, unwritable("its set would hold more than %d keys: take out those that no live token needs", maxMembers)
	}
	activeKID := r.kid
	if !named {
		activeKID, _ = thumbprint(r.fresh)
	}
	return s.write(items, activeKID), nil
}

// without takes the keys that leaked names out of every set of a value.
// changed says whether there were any; the active key always stays.
func without(value []byte, was auth.Parsed, leaked func(auth.Key) bool) (out []byte, changed bool, err error) {
	if was.Active < 0 {
		return value, false, nil
	}
	edit := func(text []byte) ([]byte, error) {
		s, err := setOf(text)
		if err != nil {
			return nil, err
		}
		active := s.find(was.Keys[was.Active])
		var items [][]byte
		for i, item := range s.texts {
			if i != active && !s.keys[i].IsZero() && leaked(s.keys[i]) {
				changed = true
				continue
			}
			items = append(items, item)
		}
		if !changed {
			return text, nil
		}
		return s.write(items, ""), nil
	}
	kind, text := kindOf(value)
	switch {
	case kind == kindSet:
		out, err = edit(text)
	case kind == kindFields && was.Form == auth.FormJSON:
		out, err = editMember(text, edit)
	default:
		return value, false, nil
	}
	if err != nil || !changed {
		return value, false, err
	}
	at := bytes.Index(value, text)
	return slices.Concat(value[:at], out, value[at+len(text):]), true, nil
}

// editMember edits the set in the member of a JSON object that holds the keys.
func editMember(text []byte, f func([]byte) ([]byte, error)) ([]byte, error) {
	members, err := membersOf(text)
	if err != nil {
		return nil, unwritable("its JSON can't be taken apart: %v", err)
	}
	held, ok := members.first(materialMembers...)
	if !ok {
		return text, nil
	}
	inner, quoted := held.raw, held.raw[0] == '"'
	if quoted {
		inner = []byte(held.text())
	}
	kind, set := kindOf(inner)
	if kind != kindSet {
		return text, nil
	}
	out, err := f(set)
	if err != nil {
		return nil, err
	}
	if quoted {
		out = quote(out)
	}
	return splice(text, []edit{held.replace(out)}), nil
}

// jwkSet is a JWK set taken apart.
type jwkSet struct {
	text    []byte
	members members
	array   member
	spans   []span     // of the elements, in the array
	texts   [][]byte   // the elements
	kids    []string   // as written; "": none
	keys    []auth.Key // zero: not for signatures, or of an unknown kind
}

func setOf(text []byte) (jwkSet, error) {
	s := jwkSet{text: text}
	broken := unwritable("its set of keys can't be taken apart")
	var err error
	if s.members, err = membersOf(text); err != nil {
		return s, broken
	}
	var ok bool
	if s.array, ok = s.members.get("keys"); !ok {
		return s, broken
	}
	if s.spans, err = elementsOf(s.array.raw); err != nil || len(s.spans) == 0 {
		return s, broken
	}
	for _, at := range s.spans {
		item := s.array.raw[at.start:at.end]
		kid := ""
		if o, err := membersOf(item); err == nil {
			if m, ok := o.get("kid"); ok {
				kid = m.text()
			}
		}
		key := auth.Key{}
		if p, err := auth.ParseKeys(item, auth.ParseOptions{}); err == nil && p.Form == auth.FormJWK && len(p.Keys) == 1 {
			key = p.Keys[0]
		}
		s.texts, s.kids, s.keys = append(s.texts, item), append(s.kids, kid), append(s.keys, key)
	}
	return s, nil
}

// find returns the index of the element that holds the key with its private half; -1: none.
func (s jwkSet) find(k auth.Key) int {
	pepper := make([]byte, 32)
	rand.Read(pepper)
	found := -1
	for i, o := range s.keys {
		if !o.CanSign() || !bytes.Equal(o.Fingerprint(pepper), k.Fingerprint(pepper)) {
			continue
		}
		if s.kids[i] == k.KID() {
			return i
		}
		if found < 0 {
			found = i
		}
	}
	return found
}

// write puts items in the place of the elements. active, where it is not
// empty, is written where the set names its active key, and named there if
// several of the items could sign.
func (s jwkSet) write(items [][]byte, active string) []byte {
	edits := []edit{s.array.replace(rebuild(s.array.raw, s.spans, items))}
	if active == "" {
		return splice(s.text, edits)
	}
	if was, ok := s.members.first("current_kid", "active_kid"); ok {
		for _, m := range s.members.list {
			if (m.name == "current_kid" || m.name == "active_kid") && m.text() == was.text() {
				edits = append(edits, m.replace(quote(active)))
			}
		}
		return splice(s.text, edits)
	}
	signers := 0
	for _, item := range items {
		if p, err := auth.ParseKeys(item, auth.ParseOptions{}); err == nil && p.Active == 0 {
			signers++
		}
	}
	if signers > 1 {
		last := s.members.list[len(s.members.list)-1]
		end := span{last.whole.end, last.whole.end}
		edits = append(edits, edit{end, slices.Concat([]byte(`,"current_kid":`), quote(active))})
	}
	return splice(s.text, edits)
}
