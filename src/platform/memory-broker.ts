import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  MAX_BATCH,
  type Broker,
  type Handler,
  type OutgoingMessage,
  type Subscription,
} from '../broker.ts'
import { slicesWithin } from '../slices.ts'
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
  /** Whether the first messages are in hand, or the first one waits for its next attempt. */
  busy: boolean
  /** Publishers that wait for room, in the order in which they came. */
  waiting: { message: OutgoingMessage; settle: (error?: Error) => void }[]
}

/** As many small ones as make a batch; the one that failed by itself. */
function firstMessages({ messages, attempts }: Queue): OutgoingMessage[] {
  if (attempts > 1) return messages.slice(0, 1)
  const [first] = slicesWithin(messages, ({ body }) => body.length, MAX_BATCH)
  return first!
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

  /** Gives the queue's first messages to the next member in turn, unless it has some in hand. */
  #deliver(queue: Queue): void {
    if (queue.busy || queue.messages.length === 0 || this.#closed) return
    const member = this.#members[this.#turn++ % this.#members.length]
    if (!member) return
    queue.busy = true
    const settled = this.#settle(queue, member)
    member.inHand.add(settled)
    void settled.then(() => member.inHand.delete(settled))
  }

  async #settle(queue: Queue, member: Member): Promise<void> {
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
    const batch = firstMessages(queue)
    const deliveries = batch.map((message, at) => ({
      ...message,
      attempt: at === 0 ? queue.attempts : 1,
    }))
    const done = await member.handle(deliveries, stopping).catch(() => 0)
    this.#remove(queue, done)
    if (done === batch.length) {
      queue.busy = false
      return this.#deliver(queue)
    }
    if (done > 0) queue.attempts = 1
    this.#retryLater(queue)
  }

  #remove(queue: Queue, done: number): void {
    queue.messages.splice(0, done)
    if (done > 0) queue.attempts = 0
    for (const { message, settle } of queue.waiting.splice(0, done)) {
      queue.messages.push(message)
      settle()
    }
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
