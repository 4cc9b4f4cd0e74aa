package workflows

import (
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"toasoan/newsroom"
)

// Search attributes of an article's run, by which an operator finds it in Temporal. They must be registered in the namespace:
// `toasoan run` does so in its own Temporal, `toasoan migrate` in an external one.
var (
	AttributeStage   = temporal.NewSearchAttributeKeyKeyword("ToasoanStage")
	AttributeSection = temporal.NewSearchAttributeKeyKeyword("ToasoanSection")
	AttributeAuthor  = temporal.NewSearchAttributeKeyKeyword("ToasoanAuthor")
	AttributeDue     = temporal.NewSearchAttributeKeyTime("ToasoanDue")
)

// SearchAttributes are the names and types that a namespace must know. A type can never be changed, only a new name added.
func SearchAttributes() map[string]enums.IndexedValueType {
	known := map[string]enums.IndexedValueType{}
	for _, key := range []temporal.SearchAttributeKey{AttributeStage, AttributeSection, AttributeAuthor, AttributeDue} {
		known[key.GetName()] = key.GetValueType()
	}
	return known
}

// attributes is what is shown of an article; it is written only when it changes.
type attributes struct {
	stage           newsroom.Stage
	section, author string
	due             time.Time
}

func attributesOf(s newsroom.Settled) attributes {
	a := attributes{stage: s.Stage, section: s.Section, author: s.Author}
	if s.Due != nil {
		a.due = s.Due.UTC()
	}
	return a
}

func (a attributes) upsert(ctx workflow.Context) error {
	updates := []temporal.SearchAttributeUpdate{
		AttributeStage.ValueSet(string(a.stage)), AttributeSection.ValueSet(a.section), AttributeAuthor.ValueSet(a.author),
	}
	if a.due.IsZero() {
		updates = append(updates, AttributeDue.ValueUnset())
	} else {
		updates = append(updates, AttributeDue.ValueSet(a.due))
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}
