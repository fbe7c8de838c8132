/** Words that the documentation of the code does without, each with what to write instead. */
export interface Word {
  /** Expression that finds it, in lower case or upper. A blank in it is any white space, one line's end included. */
  readonly pattern: string
  readonly instead: string
  /** Texts that it is looked for in. Default: comments and guides. */
  readonly only?: "comments" | "guides"
}

/** Words that no docstring begins with. */
export const openings: ReadonlyArray<Word> = [
  { pattern: "what(ever)?", instead: "name the thing: \"Options of …\", \"Bytes that …\"" },
  { pattern: "how( (many|much|long|often))?", instead: "name the thing: \"Number of …\", \"Time until …\"" },
  { pattern: "which(ever)?", instead: "name the thing: \"The key that …\"" },
  { pattern: "who(ever|m|mever|se)?", instead: "name who it is: \"Owner of …\", \"Callers that …\"" },
  { pattern: "wher(e|ever)", instead: "name the thing: \"Offset of …\", \"Place of …\"" },
  { pattern: "when(ever)?", instead: "name the thing, or begin with the verb: \"Time of …\", \"Fails when …\"" },
  { pattern: "why", instead: "name the thing: \"Reason of …\"" },
  { pattern: "so (many|much)", instead: "name the thing: \"Number of …\", \"Exact length in …\"" },
  { pattern: "(those|that)", instead: "name the thing: \"Entries that …\"" }
]

/** A docstring begins with it before something boolean only. */
export const whether: Word = {
  pattern: "whether",
  instead: "it is for booleans; name the thing, or begin with the verb"
}

/** Words that are used nowhere. */
export const words: ReadonlyArray<Word> = [
  { pattern: "(whoever|whomever)", instead: "anyone who, the caller, or name who it is" },
  { pattern: "nobody", instead: "no one, no caller, nothing" },
  { pattern: "anybody", instead: "anyone, any caller" },
  { pattern: "everybody", instead: "everyone, every caller, all waiters" },
  { pattern: "somebody", instead: "someone, a caller" },
  { pattern: "so (many|much)(?! (as|that|the))", instead: "the number of, this many, a count" },
  { pattern: "in the air", instead: "in flight" },
  { pattern: "land(s|ed)", instead: "settles, succeeds, arrives" },
  { pattern: "((is|are|was|were|be|been) )?asked for", instead: "is requested" },
  { pattern: "(is|are|was|were|be|been) asked(?! for)", instead: "is requested, is called" },
  { pattern: "answer(s|ed|ing)", instead: "returns, responds; responses, results" },
  { pattern: "answer", instead: "return, respond; response, result", only: "comments" },
  { pattern: "refus(e|es|ed|ing)", instead: "rejects; denies of a service; rejection" },
  { pattern: "(is|are|was|were|be|been) told(?! apart)", instead: "is notified, is given, learns" },
  { pattern: "inlet", instead: "input buffer" },
  { pattern: "(?<!time\\s)stamp(s|ed|ing)?", instead: "brand, mark" },
  { pattern: "facts", instead: "metadata" },
  { pattern: "anew", instead: "again" },
  { pattern: "(all|what) it takes", instead: "what is needed, name it: key material and metadata" },
  { pattern: "what comes out", instead: "output, plaintext" }
]

/** Columns that a line of a table may have in a guide. */
export const maxTableColumns = 140
