/** Parts of a list, of at most `size` values. */
export function* slices<T>(values: T[], size: number): Generator<T[]> {
  for (let start = 0; start < values.length; start += size) yield values.slice(start, start + size)
}

/** What one slice has at the most. */
export interface SliceLimit {
  count: number
  bytes: number
}

/** Cuts a list into slices, in its order; an item that alone is larger has a slice of its own. */
export function* slicesWithin<T>(
  items: Iterable<T>,
  bytesOf: (item: T) => number,
  max: SliceLimit,
): Generator<T[]> {
  let slice: T[] = []
  let bytes = 0
  for (const item of items) {
    const size = bytesOf(item)
    if (slice.length === max.count || (slice.length > 0 && bytes + size > max.bytes)) {
      yield slice
      slice = []
      bytes = 0
    }
    slice.push(item)
    bytes += size
  }
  if (slice.length > 0) yield slice
}
