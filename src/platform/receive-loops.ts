import { setTimeout as sleep } from 'node:timers/promises'
import type { Delivery, Handler } from '../broker.ts'
import { errorText } from '../errors.ts'
import { backoff, pause } from './pause.ts'
import type { FaultLog } from './fault-log.ts'
import type { Logger } from './logger.ts'

/** One consumer group's messages of one topic, as a broker gives them out that hides what is in hand. */
export interface MessageSource<M> {
  /** Waits a few seconds for a message. It stays hidden from others for `HIDDEN_MS`. */
  receive(): Promise<M | undefined>
  toDelivery(message: M): Delivery
  /** Hides the message for so many milliseconds from now. */
  hide(message: M, ms: number): Promise<void>
  acknowledge(message: M): Promise<void>
}

/** What a killed process had in hand reaches another one after this time. RocketMQ's least is 10 s. */
export const HIDDEN_MS = 10_000
/** Two of these may fail, or come late, before somebody else is given the message. */
const HIDE_AGAIN_MS = 3000
const RETRY_MS = { first: 1000, longest: 30_000 }
const RELEASE_MS = 100
const FAULT_PAUSE_MS = { first: 200, longest: 5000 }
const ACKNOWLEDGE = { attempts: 3, pauseMs: 300 }

export interface ReceiveOptions<M> {
  source: MessageSource<M>
  handle: Handler
  ready?: ((stopping: AbortSignal) => Promise<void>) | undefined
  loops: number
  fault: FaultLog
  logger: Logger
}

export interface ReceiveLoops {
  /** Resolves when the messages in hand are settled. Calls that wait for a message may last longer. */
  stop(): Promise<void>
  /** Resolves after a stop, when the last of those calls has come back. */
  ended: Promise<void>
}

/** Receives and handles messages in a number of loops, one message at a time in each. */
export function startReceiveLoops<M>(options: ReceiveOptions<M>): ReceiveLoops {
  const stopping = new AbortController()
  const inHand = new Set<Promise<void>>()
  const running = Array.from({ length: options.loops }, () =>
    receiveLoop(options, inHand, stopping.signal),
  )
  return {
    async stop() {
      stopping.abort()
      await Promise.allSettled(inHand)
    },
    ended: Promise.all(running).then(() => undefined),
  }
}

async function receiveLoop<M>(
  options: ReceiveOptions<M>,
  inHand: Set<Promise<void>>,
  stopping: AbortSignal,
): Promise<void> {
  const { source, ready, fault } = options
  let failures = 0
  while (!stopping.aborted) {
    try {
      await ready?.(stopping)
      const message = await source.receive()
      failures = 0
      fault.worked()
      if (!message) continue
      // What comes after the stop is for another process, which may have it at once.
      const settled = stopping.aborted
        ? source.hide(message, RELEASE_MS)
        : settle(options, message, stopping)
      inHand.add(settled)
      await settled.finally(() => inHand.delete(settled))
    } catch (error) {
      if (stopping.aborted) return
      fault.failed(error)
      await pause(backoff(FAULT_PAUSE_MS, ++failures), stopping)
    }
  }
}

async function settle<M>(options: ReceiveOptions<M>, message: M, stopping: AbortSignal) {
  const { source, handle } = options
  const delivery = source.toDelivery(message)
  const hiding = keepHidden(options, message)
  try {
    await handle(delivery, stopping)
  } catch {
    // The handler has logged why. Its queue waits for it.
    await hiding.end()
    const rest = stopping.aborted ? RELEASE_MS : backoff(RETRY_MS, delivery.attempt)
    return source.hide(message, rest)
  }
  await hiding.end()
  await acknowledge(source, message)
}

/**
 * Hides a message again and again while it is in hand. Where that fails for too long, somebody else
 * is given it too: the handler has to bear that anyway.
 */
function keepHidden<M>({ source, logger }: ReceiveOptions<M>, message: M) {
  const ended = new AbortController()
  const running = (async () => {
    while (await pause(HIDE_AGAIN_MS, ended.signal)) {
      await source.hide(message, HIDDEN_MS).catch((error: unknown) => {
        logger.debug({ err: errorText(error) }, 'a message in hand could not be kept hidden')
      })
    }
  })()
  return {
    // Waited for: each call changes the handle by which the message is acknowledged.
    async end() {
      ended.abort()
      await running
    },
  }
}

/** @throws the last error, when none of a few tries succeeds: the message comes again then */
async function acknowledge<M>(source: MessageSource<M>, message: M): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await source.acknowledge(message)
    } catch (error) {
      if (attempt === ACKNOWLEDGE.attempts) throw error
      await sleep(ACKNOWLEDGE.pauseMs)
    }
  }
}
