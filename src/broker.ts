/** The broker's contract. Every implementation passes test/contract/broker.ts. */

/** One message on its way to a topic. */
export interface OutgoingMessage {
  topic: string
  /** Messages of one group are delivered in the order in which they were published. */
  group: string
  body: string
}

/** One message that has arrived. */
export interface Delivery {
  topic: string
  group: string
  body: string
  /** 1 for the first delivery, 2 after the first failure, and so on. */
  attempt: number
}

export interface Publisher {
  /**
   * Resolves when the broker has taken the message; until then the caller still owns it. Waits while
   * the broker has no room.
   * @throws when the broker did not take it, or is stopping
   */
  publish(message: OutgoingMessage): Promise<void>
}

export interface Subscriber {
  /**
   * Delivers a topic's messages to one consumer group, at least once. Subscriptions of one group
   * share its messages; each group gets every message.
   *
   * Small messages that wait come several at a time, in the order of their queue, which has no others in
   * hand meanwhile. Those that the handler leaves come again, the first of them after a back-off, and
   * nothing overtakes it in its queue.
   *
   * @param ready awaited before each message is taken, so that none is while this waits
   */
  subscribe(
    topic: string,
    consumerGroup: string,
    handle: Handler,
    ready?: (stopping: AbortSignal) => Promise<void>,
  ): Promise<Subscription>
}

/**
 * When `stopping` is aborted, a handler that waits for something gives up.
 * @returns how many of the messages, from the first on, are done; none when it rejects
 */
export type Handler = (deliveries: Delivery[], stopping: AbortSignal) => Promise<number>

/** What comes at a time at the most. The bytes are about what 5000 items have, packed: a larger chunk comes alone. */
export const MAX_BATCH = { count: 32, bytes: 64 * 1024 }

/** A handler that is given the messages one at a time, up to the first one that it rejects. */
export const oneByOne =
  (handle: (delivery: Delivery, stopping: AbortSignal) => Promise<void>): Handler =>
  async (deliveries, stopping) => {
    for (const [done, delivery] of deliveries.entries()) {
      if (done > 0 && stopping.aborted) return done
      try {
        await handle(delivery, stopping)
      } catch {
        return done
      }
    }
    return deliveries.length
  }

export interface Subscription {
  /** Takes no further message, and resolves when those in hand are settled. Loses none. */
  stop(): Promise<void>
}

export interface Broker extends Publisher, Subscriber {
  /** Refuses further messages and ends every subscription. Those on their way may still arrive. */
  close(): Promise<void>
}
