package main

import enumspb "go.temporal.io/api/enums/v1"

// Names of the custom search attributes of a newsroom namespace.
const (
	AttributeStage   = "ToasoanStage"
	AttributeSection = "ToasoanSection"
	AttributeAuthor  = "ToasoanAuthor"
	AttributeDue     = "ToasoanDue"
)

// attributeTypes is what gets registered. An attribute's type can never be changed, only a new name added.
var attributeTypes = map[string]enumspb.IndexedValueType{
	AttributeStage:   enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	AttributeSection: enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	AttributeAuthor:  enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	AttributeDue:     enumspb.INDEXED_VALUE_TYPE_DATETIME,
}
