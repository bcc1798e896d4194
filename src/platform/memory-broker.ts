import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Broker, Handler, OutgoingMessage, Subscription } from '../broker.ts'
import { backoff } from './pause.ts'

export interface MemoryBrokerOptions {
  /** Each topic with its consumer groups: a group gets what is published from now on. */
  topics: Record<string, string[]>
  /** Queues of each topic. (Default: 8) */
  queues?: number
  /** Messages that a queue holds before `publish` waits. (Default: 16) */
  capacity?: number
  /** Milliseconds before a failed message comes again: doubled each time, up to the longest. */
  backoff?: { first: number; longest: number }
}

/**
 * Ordered queues in this process's memory. What it holds is gone with the process: what must not be
 * lost is published again by whoever has it in a database.
 */
export function createMemoryBroker(options: MemoryBrokerOptions): Broker {
  const { topics, queues = 8, capacity = 16 } = options
  const pauses = options.backoff ?? { first: 200, longest: 30_000 }
  const groups = new Map<string, ConsumerGroup>()
  for (const [topic, names] of Object.entries(topics)) {
    for (const name of names) {
      groups.set(`${topic} ${name}`, new ConsumerGroup(queues, capacity, pauses))
    }
  }
  const groupsOf = (topic: string) => topics[topic]?.map((name) => groups.get(`${topic} ${name}`)!)

  return {
    async publish(message) {
      const receivers = groupsOf(message.topic)
      if (!receivers) throw new Error(`there is no topic ${message.topic}`)
      await Promise.all(receivers.map((group) => group.publish(message)))
    },
    subscribe(topic, consumerGroup, handle, ready = () => Promise.resolve()) {
      const group = groups.get(`${topic} ${consumerGroup}`)
      if (!group) throw new Error(`topic ${topic} has no consumer group ${consumerGroup}`)
      return Promise.resolve(group.subscribe(handle, ready))
    },
    async close() {
      await Promise.all([...groups.values()].map((group) => group.close()))
    },
  }
}

interface Queue {
  messages: OutgoingMessage[]
  /** Deliveries of the first message so far. */
  attempts: number
  /** Whether the first message is in hand, or waits for its next attempt. */
  busy: boolean
  /** Publishers that wait for room, in the order in which they came. */
  waiting: { message: OutgoingMessage; settle: (error?: Error) => void }[]
}

interface Member {
  handle: Handler
  ready: (stopping: AbortSignal) => Promise<void>
  stopping: AbortController
  inHand: Set<Promise<void>>
}

const closed = () => new Error('the broker is closed')

/** One consumer group's queues of one topic, and the subscriptions that share them. */
class ConsumerGroup {
  readonly #queues: Queue[]
  readonly #capacity: number
  readonly #backoff: { first: number; longest: number }
  readonly #members: Member[] = []
  readonly #retries = new Set<NodeJS.Timeout>()
  #turn = 0
  #closed = false

  constructor(queues: number, capacity: number, pauses: { first: number; longest: number }) {
    this.#capacity = capacity
    this.#backoff = pauses
    this.#queues = Array.from({ length: queues }, () => ({
      messages: [],
      attempts: 0,
      busy: false,
      waiting: [],
    }))
  }

  publish(message: OutgoingMessage): Promise<void> {
    const queue = this.#queueOf(message.group)
    if (this.#closed) return Promise.reject(closed())
    if (queue.messages.length >= this.#capacity) {
      return new Promise((resolve, reject) => {
        queue.waiting.push({ message, settle: (error) => (error ? reject(error) : resolve()) })
      })
    }
    queue.messages.push(message)
    this.#deliver(queue)
    return Promise.resolve()
  }

  subscribe(handle: Handler, ready: Member['ready']): Subscription {
    const member: Member = { handle, ready, stopping: new AbortController(), inHand: new Set() }
    this.#members.push(member)
    for (const queue of this.#queues) this.#deliver(queue)
    return {
      stop: async () => {
        const index = this.#members.indexOf(member)
        if (index >= 0) this.#members.splice(index, 1)
        member.stopping.abort()
        await Promise.all(member.inHand)
      },
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const retry of this.#retries) clearTimeout(retry)
    const members = this.#members.splice(0)
    for (const member of members) member.stopping.abort()
    for (const queue of this.#queues) {
      for (const { settle } of queue.waiting.splice(0)) settle(closed())
    }
    await Promise.all(members.flatMap((member) => [...member.inHand]))
  }

  #queueOf(group: string): Queue {
    const hash = createHash('sha256').update(group).digest().readUInt32BE(0)
    return this.#queues[hash % this.#queues.length]!
  }

  /** Gives the queue's first message to the next member in turn, unless it has one in hand. */
  #deliver(queue: Queue): void {
    const message = queue.messages[0]
    if (queue.busy || !message || this.#closed) return
    const member = this.#members[this.#turn++ % this.#members.length]
    if (!member) return
    queue.busy = true
    const settled = this.#settle(queue, message, member)
    member.inHand.add(settled)
    void settled.then(() => member.inHand.delete(settled))
  }

  async #settle(queue: Queue, message: OutgoingMessage, member: Member): Promise<void> {
    const stopping = member.stopping.signal
    // In a later turn of the event loop: the embedded database answers without one, and timers and
    // signals would wait until the last message is handled.
    await nextTurn()
    try {
      await member.ready(stopping)
    } catch {
      // Not even begun: another member may have it at once.
      queue.busy = false
      return this.#deliver(queue)
    }
    queue.attempts++
    try {
      await member.handle({ ...message, attempt: queue.attempts }, stopping)
      this.#done(queue)
    } catch {
      this.#retryLater(queue)
    }
  }

  #done(queue: Queue): void {
    queue.messages.shift()
    queue.attempts = 0
    queue.busy = false
    const waiting = queue.waiting.shift()
    if (waiting) {
      queue.messages.push(waiting.message)
      waiting.settle()
    }
    this.#deliver(queue)
  }

  #retryLater(queue: Queue): void {
    if (this.#closed) return
    const retry = setTimeout(
      () => {
        this.#retries.delete(retry)
        queue.busy = false
        this.#deliver(queue)
      },
      backoff(this.#backoff, queue.attempts),
    )
    this.#retries.add(retry)
  }
}
