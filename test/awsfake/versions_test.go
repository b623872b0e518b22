package awsfake

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

func TestVersionsAndLabelsAreAsOnAWS(t *testing.T) {
	show(t, []row{
		{"a label is on exactly one version; a version may hold several", func(w *world) {
			w.Create(name, String("1"))
			v1 := w.Holder(name, Current)
			w.mustMove("a", v1, "")
			w.mustMove("b", v1, "")
			w.wantLabels(map[string][]string{v1: {Current, "a", "b"}})
			v2 := w.mustPut("2", "a")
			w.wantLabels(map[string][]string{v1: {Current, "b"}, v2: {"a"}})
		}},
		{"CreateSecret with a value: the version holds AWSCURRENT", func(w *world) {
			out, err := w.sm.CreateSecret(context.Background(), &sm.CreateSecretInput{Name: aws.String(name), SecretString: aws.String("1")})
			if err != nil {
				w.Fatal(err)
			}
			w.wantLabels(map[string][]string{*out.VersionId: {Current}})
			if got := w.mustGet("", ""); got != "1" {
				w.Fatalf("got %q, want the value", got)
			}
		}},
		{"CreateSecret without a value: no version, no VersionIdsToStages, no AWSCURRENT to get", func(w *world) {
			out, err := w.sm.CreateSecret(context.Background(), &sm.CreateSecretInput{Name: aws.String(name)})
			if err != nil || out.VersionId != nil {
				w.Fatal(out, err)
			}
			if d := w.describe(); d.VersionIdsToStages != nil {
				w.Fatalf("got %v, want none", d.VersionIdsToStages)
			}
			_, err = w.get("", "")
			wantType[*types.ResourceNotFoundException](w, err)
			w.wantError(err, "ResourceNotFoundException", "secret value for staging label: AWSCURRENT")
		}},
		{"PutSecretValue without labels: the new one AWSCURRENT, the old one AWSPREVIOUS, the older one loses its label", func(w *world) {
			w.Create(name, String("1"))
			v1, v2 := w.Holder(name, Current), w.mustPut("2")
			w.wantLabels(map[string][]string{v1: {Previous}, v2: {Current}})
			v3 := w.mustPut("3")
			w.wantLabels(map[string][]string{v2: {Previous}, v3: {Current}})
		}},
		{"UpdateSecret with a value does the same", func(w *world) {
			w.Create(name, String("1"))
			v1 := w.Holder(name, Current)
			out, err := w.sm.UpdateSecret(context.Background(), &sm.UpdateSecretInput{SecretId: aws.String(name), SecretBinary: []byte{0, 255}})
			if err != nil {
				w.Fatal(err)
			}
			w.wantLabels(map[string][]string{v1: {Previous}, *out.VersionId: {Current}})
			got, err := w.get("", "")
			if err != nil || got.SecretString != nil || string(got.SecretBinary) != "\x00\xff" {
				w.Fatal("the bytes did not come back", err)
			}
		}},
		{"PutSecretValue with labels attaches exactly those, stealing each; AWSCURRENT untouched unless listed", func(w *world) {
			w.Create(name, String("1"))
			v1, v2 := w.Holder(name, Current), w.mustPut("2", "one", "two", "three")
			v3 := w.mustPut("3", "one", "two", "four")
			w.wantLabels(map[string][]string{v1: {Current}, v2: {"three"}, v3: {"four", "one", "two"}})
			v4 := w.mustPut("4", Current, "three")
			w.wantLabels(map[string][]string{v1: {Previous}, v3: {"four", "one", "two"}, v4: {Current, "three"}})
		}},
		{"custom labels stay on a version when it is demoted", func(w *world) {
			w.Create(name, String("1"))
			v2 := w.mustPut("2")
			w.mustMove("AWSSOMETHING", v2, "")
			w.mustMove("PUT1", v2, "")
			v3 := w.mustPut("3")
			w.wantLabels(map[string][]string{v2: {Previous, "AWSSOMETHING", "PUT1"}, v3: {Current}})
		}},
		{"moving AWSCURRENT moves AWSPREVIOUS to the version it left; AWSPENDING stays on the promoted one until removed", func(w *world) {
			w.Create(name, String("1"))
			v1, v2 := w.Holder(name, Current), w.mustPut("2", Pending)
			w.mustMove(Current, v2, v1)
			w.wantLabels(map[string][]string{v1: {Previous}, v2: {Current, Pending}})
			w.mustMove(Pending, "", v2)
			w.wantLabels(map[string][]string{v1: {Previous}, v2: {Current}})
			w.mustMove(Current, v1, v2)
			w.wantLabels(map[string][]string{v1: {Current}, v2: {Previous}})
		}},
		{"a plain put while AWSPENDING lingers on the version that it demotes removes it", func(w *world) {
			w.Create(name, String("1"))
			v1, v2 := w.Holder(name, Current), w.mustPut("2", Pending)
			w.mustMove(Current, v2, v1)
			v3 := w.mustPut("3")
			w.wantLabels(map[string][]string{v2: {Previous}, v3: {Current}})
		}},
		{"a manual new version while AWSPENDING sits elsewhere drops AWSPENDING and logs RotationAbandoned", func(w *world) {
			w.Create(name, String("1"))
			q := w.Queue("q")
			w.Subscribe(q, Rule{Trail: true})
			v1 := w.Holder(name, Current)
			w.mustPut("2", Pending)
			v3 := w.mustPut("3")
			w.wantLabels(map[string][]string{v1: {Previous}, v3: {Current}})
			if !strings.Contains(strings.Join(q.Bodies(), ""), `"eventName":"RotationAbandoned"`) {
				w.Fatal("no RotationAbandoned among the events")
			}
		}},
		{"an unlabelled version is deprecated: absent from DescribeSecret and from ListSecretVersionIds unless asked for, readable by id", func(w *world) {
			w.Create(name, String("1"))
			v1 := w.Holder(name, Current)
			w.mustPut("2")
			w.mustPut("3")
			list := func(deprecated bool) int {
				out, err := w.sm.ListSecretVersionIds(context.Background(), &sm.ListSecretVersionIdsInput{SecretId: aws.String(name), IncludeDeprecated: aws.Bool(deprecated)})
				if err != nil {
					w.Fatal(err)
				}
				return len(out.Versions)
			}
			if d, with, without := len(w.describe().VersionIdsToStages), list(true), list(false); d != 2 || with != 3 || without != 2 {
				w.Fatalf("described %d, listed %d and %d, want 2, 3 and 2", d, with, without)
			}
			if got := w.mustGet(v1, ""); got != "1" {
				w.Fatalf("got %q, want the first value", got)
			}
		}},
		{"unlabelled versions are purged beyond 100, the oldest first, but never before a day; labelled ones never", func(w *world) {
			w.Create(name, String("0"))
			v0 := w.Holder(name, Current)
			w.mustMove("keep", v0, "")
			var ids []string
			for i := range 99 {
				ids = append(ids, w.mustPut(fmt.Sprint(i+1)))
			}
			_, err := w.put("", "one too many")
			wantType[*types.LimitExceededException](w, err)
			w.Advance(24 * time.Hour)
			w.mustPut("the day after")
			if got := w.Versions(name); len(got) != 100 || got[0] != v0 || got[1] != ids[1] {
				w.Fatalf("got %d versions that begin with %v, want 100 with %s, %s", len(got), got[:2], v0, ids[1])
			}
			_, err = w.get(ids[0], "")
			w.wantError(err, "ResourceNotFoundException", "secret value for VersionId: "+ids[0])
		}},
		{"ClientRequestToken becomes the VersionId", func(w *world) {
			w.Create(name, String("1"))
			token := newID()
			if id, err := w.put(token, "2"); err != nil || id != token {
				w.Fatal(id, err)
			}
		}},
		{"the same token with the same value succeeds and does nothing, not even a label", func(w *world) {
			w.Create(name, String("1"))
			token := newID()
			for range 2 {
				if _, err := w.put(token, "2", Pending); err != nil {
					w.Fatal(err)
				}
			}
			w.mustMove(Pending, "", token)
			if _, err := w.put(token, "2", Pending); err != nil {
				w.Fatal(err)
			}
			if w.Holder(name, Pending) != "" {
				w.Fatal("a repeated put brought the label back")
			}
		}},
		{"the same token with another value is ResourceExistsException", func(w *world) {
			w.Create(name, String("1"))
			token := w.mustPut("2", Pending)
			_, err := w.put(token, "3", Pending)
			wantType[*types.ResourceExistsException](w, err)
		}},
		{"UpdateSecret with a used token is an error, same value or not", func(w *world) {
			w.Create(name, String("1"))
			token := w.mustPut("2")
			_, err := w.sm.UpdateSecret(context.Background(), &sm.UpdateSecretInput{SecretId: aws.String(name), SecretString: aws.String("2"), ClientRequestToken: aws.String(token)})
			wantType[*types.ResourceExistsException](w, err)
		}},
		{"a token has 32 to 64 characters", func(w *world) {
			w.Create(name, String("1"))
			for _, n := range []int{31, 65} {
				_, err := w.put(strings.Repeat("a", n), "2")
				wantType[*types.InvalidParameterException](w, err)
			}
		}},
		{"UpdateSecretVersionStage: where the label is attached, RemoveFromVersionId is mandatory and must match", func(w *world) {
			w.Create(name, String("1"))
			v1, v2 := w.Holder(name, Current), w.mustPut("2", Pending)
			err := w.move(Current, v2, "")
			wantType[*types.InvalidParameterException](w, err)
			w.wantError(err, "InvalidParameterException", "so you must explicitly reference that version in RemoveFromVersionId")
			w.wantError(w.move(Current, v2, v2), "InvalidParameterException", "RemoveFromVersionId")
			w.wantLabels(map[string][]string{v1: {Current}, v2: {Pending}})
			w.mustMove(Current, v2, v1)
			w.wantError(w.move(Current, v2, v1), "InvalidParameterException", "RemoveFromVersionId") // the retry of a success
		}},
		{"AWSCURRENT is never removed without a new home", func(w *world) {
			w.Create(name, String("1"))
			w.wantError(w.move(Current, "", w.Holder(name, Current)), "InvalidParameterException", "AWSCURRENT")
		}},
		{"GetSecretValue takes id and label; a mismatch is InvalidRequestException", func(w *world) {
			w.Create(name, String("1"))
			v1, v2 := w.Holder(name, Current), w.mustPut("2")
			if got := w.mustGet(v1, Previous); got != "1" {
				w.Fatalf("got %q", got)
			}
			_, err := w.get(v2, Previous)
			wantType[*types.InvalidRequestException](w, err)
			w.wantError(err, "InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.")
		}},
		{"a KMS key change encrypts anew in place: no new version", func(w *world) {
			w.Create(name, String("1"))
			v1 := w.Holder(name, Current)
			if _, err := w.sm.UpdateSecret(context.Background(), &sm.UpdateSecretInput{SecretId: aws.String(name), KmsKeyId: aws.String("k1")}); err != nil {
				w.Fatal(err)
			}
			w.wantLabels(map[string][]string{v1: {Current}})
			if d := w.describe(); aws.ToString(d.KmsKeyId) != "k1" {
				w.Fatal("the key is not shown")
			}
		}},
		{"LastChangedDate moves with any change, tags too; LastAccessedDate has day resolution and our own reads move it", func(w *world) {
			w.Create(name, String("1"))
			before := w.describe()
			if before.LastAccessedDate != nil {
				w.Fatal("accessed before any read")
			}
			w.Advance(36 * time.Hour)
			w.mustGet("", "")
			read := w.describe()
			if !read.LastChangedDate.Equal(*before.LastChangedDate) || read.LastAccessedDate == nil || !read.LastAccessedDate.Equal(read.LastAccessedDate.Truncate(24*time.Hour)) {
				w.Fatalf("after a read: changed %v (was %v), accessed %v", read.LastChangedDate, before.LastChangedDate, read.LastAccessedDate)
			}
			w.Tag(name, "team", "payments")
			if after := w.describe(); !after.LastChangedDate.After(*before.LastChangedDate) {
				w.Fatal("a tag did not move LastChangedDate")
			}
		}},
		{"20 labels over all versions, 20 in a request", func(w *world) {
			w.Create(name, String("1"))
			v1 := w.Holder(name, Current)
			for i := range 19 {
				w.mustMove(fmt.Sprintf("l%d", i), v1, "")
			}
			wantType[*types.LimitExceededException](w, w.move("one-more", v1, ""))
			_, err := w.put("", "2", Pending)
			wantType[*types.LimitExceededException](w, err)
			var many []string
			for i := range 21 {
				many = append(many, fmt.Sprintf("m%d", i))
			}
			_, err = w.put("", "2", many...)
			wantType[*types.InvalidParameterException](w, err)
		}},
		{"a label has at most 256 characters, a value 65,536 bytes", func(w *world) {
			w.Create(name, String("1"))
			wantType[*types.InvalidParameterException](w, w.move(strings.Repeat("x", 257), w.Holder(name, Current), ""))
			_, err := w.put("", strings.Repeat("x", 65_537))
			wantType[*types.InvalidParameterException](w, err)
			if _, err := w.put("", strings.Repeat("x", 65_536)); err != nil {
				w.Fatal(err)
			}
		}},
		{"a secret is found by ARN, by name, and by the ARN without its random end", func(w *world) {
			arn := w.Create(name, String("1"))
			for _, id := range []string{arn, name, arn[:len(arn)-7]} {
				out, err := w.sm.DescribeSecret(context.Background(), &sm.DescribeSecretInput{SecretId: aws.String(id)})
				if err != nil || *out.ARN != arn {
					w.Fatal(id, err)
				}
			}
		}},
		{"ListSecrets may be five minutes late and hides what is deleted", func(w *world) {
			w.Create(name, String("1"))
			v1 := w.Holder(name, Current)
			list := func() []types.SecretListEntry {
				out, err := w.sm.ListSecrets(context.Background(), &sm.ListSecretsInput{})
				if err != nil {
					w.Fatal(err)
				}
				return out.SecretList
			}
			w.Advance(6 * time.Minute)
			w.mustPut("2")
			if got := list(); len(got) != 1 || len(got[0].SecretVersionsToStages[v1]) != 1 || got[0].SecretVersionsToStages[v1][0] != Current {
				w.Fatalf("got %v, want the state before the put", got)
			}
			w.Delete(name, 7)
			if got := list(); len(got) != 0 {
				w.Fatalf("got %v, want nothing", got)
			}
		}},
	})
}
