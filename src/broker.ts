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
   * A queue has one message in hand at a time. When the handler resolves, the message is done. When
   * it rejects, the same message comes again after a back-off, and nothing overtakes it in its queue.
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

/** When `stopping` is aborted, a handler that waits for something gives up and rejects. */
export type Handler = (delivery: Delivery, stopping: AbortSignal) => Promise<void>

export interface Subscription {
  /** Takes no further message, and resolves when those in hand are settled. Loses none. */
  stop(): Promise<void>
}

export interface Broker extends Publisher, Subscriber {
  /** Refuses further messages and ends every subscription. Those on their way may still arrive. */
  close(): Promise<void>
}
