package workflows

// Versions in flight: each GetVersion change id with its date and the date on which it may go (when no run from before it is
// open any more). A change to the order of commands without an entry here breaks the replay tests of testdata/histories.
//
// None yet: no released version has open runs.
