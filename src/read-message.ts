import type { ValidateFunction } from 'ajv'
import { ProductCopyError, quoted } from './errors.ts'
import { unpack } from './packing.ts'

/** How a kind of message is read. */
export interface MessageKind<M> {
  type: string
  /** The field with its list, which may come packed. */
  list: 'items' | 'outcomes'
  isMessage: ValidateFunction<M>
  /** Of its list. */
  maxLength: number
  /** By the versions in which the list comes packed: reads it from what was packed. */
  unpacked: Record<number, (value: unknown, maxLength: number) => unknown>
}

/**
 * @returns the message as version 1 has it, and its packed list where it came with one
 * @throws ProductCopyError `unreadable-message`, with the reason
 */
export function readMessage<M>(
  body: string,
  kind: MessageKind<M>,
): { message: M; packed: string | undefined } {
  const given = parseJson(body)
  const { packed, ...head } = (given ?? {}) as Record<string, unknown>
  if (typeof packed === 'string' && isPackedVersion(kind, head['version'])) {
    const message = checked(
      { ...head, version: 1, [kind.list]: readList(kind, head, packed) },
      kind,
    )
    return { message, packed }
  }
  return { message: checked(given, kind), packed: undefined }
}

function checked<M>(value: unknown, kind: MessageKind<M>): M {
  const { type, list, isMessage } = kind
  if (isMessage(value)) return value
  const given = (value ?? {}) as { type?: unknown; version?: unknown }
  if (given.type !== type) throw unreadable(`its type is ${quoted(given.type)}, not "${type}"`)
  if (isPackedVersion(kind, given.version)) {
    throw unreadable(`its version is ${given.version}, and its packed ${list} are missing`)
  }
  if (given.version !== 1) {
    const known = [1, ...Object.keys(kind.unpacked)]
    const last = known.pop()
    throw unreadable(
      `its version is ${quoted(given.version)}; this program reads versions ${known.join(', ')} and ${last}`,
    )
  }
  const [first] = isMessage.errors ?? []
  throw unreadable(`${first?.instancePath || 'the message'} ${first?.message ?? 'is not valid'}`)
}

const isPackedVersion = (kind: MessageKind<unknown>, version: unknown): version is number =>
  typeof version === 'number' && Object.hasOwn(kind.unpacked, version)

function readList(
  { list, maxLength, unpacked }: MessageKind<unknown>,
  { version }: Record<string, unknown>,
  packed: string,
): unknown {
  try {
    return unpacked[version as number]!(unpack(packed), maxLength)
  } catch (cause) {
    throw unreadable(`its packed ${list} cannot be unpacked`, cause)
  }
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw unreadable(`it is not JSON: ${quoted(body)}`, cause)
  }
}

export const unreadable = (reason: string, cause?: unknown): ProductCopyError =>
  new ProductCopyError('unreadable-message', `unreadable message: ${reason}`, { cause })
