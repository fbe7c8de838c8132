/** The fields of a type, by whatever names and from whatever interfaces it has them. */
export type Fields<A> = A extends object ? { [Key in keyof A]: A[Key] } : A
