/** Names that were found, by the number of shards and the shard. */
const found = new Map<string, string>()

/**
 * The ordered message group of a shard: `shard-N`, or `shard-N.1` and so on, the first that RocketMQ puts into
 * queue N of as many queues as there are shards. Of eight queues `shard-0` to `shard-7` alone would share five.
 *
 * At most 63 bytes: RocketMQ refuses more.
 */
export function messageGroup(shard: number, shards: number): string {
  const key = `${shard} of ${shards}`
  const known = found.get(key)
  if (known !== undefined) return known
  let group = `shard-${shard}`
  for (let no = 1; queueOf(group, shards) !== shard; no++) group = `shard-${shard}.${no}`
  found.set(key, group)
  return group
}

/**
 * The queue, counted from 0, into which the proxy of RocketMQ 5 puts a message group: Java's hash code of
 * the text, and Guava's `Hashing.consistentHash` (`SendMessageActivity.SendMessageQueueSelector`).
 */
function queueOf(group: string, queues: number): number {
  let state = BigInt(hashCode(group))
  let queue = 0
  for (;;) {
    state = BigInt.asUintN(64, state * 2862933555777941757n + 1n)
    const next = Math.floor((queue + 1) / ((Number(state >> 33n) + 1) / 2 ** 31))
    if (next >= queues) return queue
    queue = next
  }
}

/** Of ASCII, a character at a time. */
function hashCode(text: string): number {
  let code = 0
  for (const character of text) code = (Math.imul(31, code) + character.charCodeAt(0)) | 0
  return code
}
