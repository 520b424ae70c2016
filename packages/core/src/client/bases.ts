// What edits are based on: the entity tag of each view that was read, for as long as somebody has it.

export function createBases() {
  const entityTags = new WeakMap<object, string>()
  return {
    keep(view: unknown, entityTag: string | null): void {
      if (entityTag !== null && view instanceof Object) entityTags.set(view, entityTag)
    },

    headersOf(basedOn: object | undefined): Record<string, string> {
      if (basedOn === undefined) return {}
      const entityTag = entityTags.get(basedOn)
      if (entityTag === undefined)
        throw new TypeError('an edit is based on what this client has read')
      return { 'if-match': entityTag }
    },
  }
}
