/** Something that was done to an object, within the time from `from` to `to`. */
export interface Step<State> {
  /** When it was asked for, and when its answer was there: Infinity without an answer. */
  from: number
  to: number
  /** Without an answer it may have happened at any time since, or never. */
  optional?: boolean
  /** @returns the object's state after it; undefined when it cannot happen in this state */
  apply(state: State): State | undefined
  /** For the message. */
  text: string
}

/**
 * Looks for an order of the steps, each at one moment within its time, that explains all of them.
 * (The search of Wing and Gong, with the visited states remembered as Lowe does.)
 *
 * @param state the object's state before all of them; states that look the same as text are the same
 * @returns undefined when there is an order; otherwise the steps of the longest attempt and what
 *   could not follow
 */
export function whyNotLinearizable<State>(steps: Step<State>[], state: State): string | undefined {
  const sorted = [...steps].sort((a, b) => a.from - b.from)
  const done = new Set<number>()
  const seen = new Set<string>()
  let best = { length: -1, text: '' }

  function search(now: State, order: string[]): boolean {
    const open = sorted
      .map((step, index) => ({ step, index }))
      .filter(({ index }) => !done.has(index))
    if (open.every(({ step }) => step.optional)) return true
    const known = `${[...done].sort((a, b) => a - b).join()}|${JSON.stringify(now)}`
    if (seen.has(known)) return false
    seen.add(known)
    // Nothing can come after a step that had ended before it was asked for.
    const end = Math.min(...open.filter(({ step }) => !step.optional).map(({ step }) => step.to))
    const next = open.filter(({ step }) => step.from <= end)
    if (order.length > best.length) {
      const stuck = next.map(({ step }) => step.text).join('; ')
      best = { length: order.length, text: `${order.slice(-12).join(' -> ')} | next of: ${stuck}` }
    }
    for (const { step, index } of next) {
      const after = step.apply(now)
      if (after === undefined) continue
      done.add(index)
      if (search(after, [...order, step.text])) return true
      done.delete(index)
    }
    return false
  }

  return search(state, []) ? undefined : best.text
}
