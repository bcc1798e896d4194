import { connect } from 'node:net'
import { ProductCopyError } from '../src/errors.ts'

/** RocketMQ's remoting protocol, as far as administration needs it. */

const TIMEOUT_MS = 5000
/** Larger than any answer about a broker's topics and groups; whoever sends more is no RocketMQ. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024

export type Fields = Record<string, string | number | boolean>
export interface Answer {
  /** 0 is success; the others are in org.apache.rocketmq.remoting.protocol.ResponseCode. */
  code: number
  remark: string
  body: string
}

export const SUCCESS = 0

/**
 * Sends one request on a connection of its own, and gives the answer, whatever its code.
 *
 * A frame is its length (4 bytes), the header's length (3 bytes, after a byte that is 0 for JSON),
 * the header, and the body.
 *
 * @throws ProductCopyError `could-not-run` when there is no answer within 5 s
 */
export function request(
  address: string,
  code: number,
  fields: Fields,
  body?: unknown,
): Promise<Answer> {
  const extFields = Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, String(v)]))
  const header = Buffer.from(
    JSON.stringify({ code, flag: 0, language: 'OTHER', opaque: 1, version: 0, extFields }),
  )
  const payload = Buffer.from(body === undefined ? '' : JSON.stringify(body))
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(4 + header.length + payload.length, 0)
  lengths.writeUInt32BE(header.length, 4)

  return new Promise((resolve, reject) => {
    const colon = address.lastIndexOf(':')
    const socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon))
    const fail = (what: string, cause?: unknown) => {
      reject(failed(address, what, cause))
      socket.destroy()
    }
    const timer = setTimeout(() => fail('no answer in time'), TIMEOUT_MS)
    let received = Buffer.alloc(0)
    socket.on('data', (data) => {
      received = Buffer.concat([received, data])
      if (received.length < 4) return
      const length = received.readUInt32BE(0)
      if (length > MAX_FRAME_BYTES) return fail('its answer is not of RocketMQ')
      if (received.length < 4 + length) return
      try {
        resolve(readFrame(received.subarray(4, 4 + length)))
        socket.destroy()
      } catch (cause) {
        fail('its answer is not of RocketMQ', cause)
      }
    })
    socket.on('error', (error: Error) => fail(error.message, error))
    socket.on('close', () => {
      clearTimeout(timer)
      fail('the connection was closed without an answer')
    })
    // Not `end`: a peer that sees the connection half closed drops it without an answer.
    socket.write(Buffer.concat([lengths, header, payload]))
  })
}

function readFrame(frame: Buffer): Answer {
  const end = 4 + (frame.readUInt32BE(0) & 0xffffff)
  const header = JSON.parse(frame.toString('utf8', 4, end)) as { code: number; remark?: string }
  return {
    code: header.code,
    remark: header.remark ?? `code ${header.code}`,
    body: frame.toString('utf8', end),
  }
}

export const failed = (address: string, what: string, cause?: unknown): ProductCopyError =>
  new ProductCopyError('could-not-run', `RocketMQ at ${address}: ${what}`, { cause })
