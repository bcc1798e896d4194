/**
 * The terms of this project, and the messages on its two topics.
 *
 * - product key: canonical (name, model), made by `productKey()` alone
 * - copy request: one request record (source brand, target brands, duplicate policy, who asked)
 * - item: one product to create, one source product for one target brand
 * - shard: hash(product key) mod SHARDS; the ordered message group. Equal keys share a shard
 * - chunk: items of one shard = one ordered message = one transaction = one result message
 * - batch: what one transaction takes: a chunk, a page of an import, the body of one API call
 * - outcome: what became of an item (`Outcome`)
 * - duplicate policy: what a batch does about a product that is already there (`DuplicatePolicy`)
 * - callback topic: where results are published for the mall and anyone else who listens
 */
import { hash } from 'node:crypto'
import { Ajv, type ValidateFunction } from 'ajv'
import { Type, type Static } from 'typebox'
import { ProductCopyError, quoted } from './errors.ts'
import { columnsOf, isLong, pack, unpack } from './packing.ts'

/** Chunks for the product-copy consumers; ordered by message group, which is the shard. */
export const PRODUCT_COPY = 'PRODUCT_COPY'
/** The callback topic: one result message for each chunk, in no promised order. */
export const PRODUCT_COPY_RESULT = 'PRODUCT_COPY_RESULT'

/** Items in one chunk at the most: larger ones gain nothing, and hold their locks longer. */
export const MAX_CHUNK_SIZE = 8000

/**
 * What a batch does about a product that is already there.
 * - `return-existing` (lenient): the item's outcome is `existing` with the live product's id.
 * - `fail` (strict): nothing of the batch is written.
 */
export const DUPLICATE_POLICIES = ['return-existing', 'fail'] as const
export type DuplicatePolicy = (typeof DUPLICATE_POLICIES)[number]

const Id = Type.String({ pattern: '^[0-9]{1,19}$' })
const RequestId = Type.String({ pattern: '^[A-Za-z0-9._:-]{1,64}$' })

/**
 * What became of an item. 64-bit ids are strings.
 * - `created`: the product's id.
 * - `existing`: the id of the live product that holds the key.
 * - `rejected`: the input can never succeed; `existingId` when a live product stands in the way.
 * - `failed`: nothing was written for this item; the same item may be tried again.
 */
export const OutcomeSchema = Type.Union([
  Type.Object({ outcome: Type.Literal('created'), id: Id }),
  Type.Object({ outcome: Type.Literal('existing'), id: Id }),
  Type.Object({
    outcome: Type.Literal('rejected'),
    reason: Type.String(),
    existingId: Type.Optional(Id),
  }),
  Type.Object({ outcome: Type.Literal('failed'), reason: Type.String() }),
])
export type Outcome = Static<typeof OutcomeSchema>

/**
 * One product to create, as a message or a file gives it. Every field is checked by `readProduct()`,
 * not by the message's schema, so that one bad item is rejected by itself and the others go on.
 */
export type Item = Record<string, unknown>
/** Its fields are not gone through here, as those of a `Type.Record` are: there may be thousands. */
const ItemSchema = Type.Unsafe<Item>(Type.Object({}))

/**
 * A chunk, on PRODUCT_COPY. Other systems may send their own: `requestId` and `chunkNo` together
 * name the message, and a message with a name that was answered before is given the same answer.
 * A single product is a chunk of one item.
 */
const ChunkMessageSchema = Type.Object({
  type: Type.Literal('product-copy'),
  version: Type.Literal(1),
  requestId: RequestId,
  chunkNo: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }),
  policy: Type.Enum(DUPLICATE_POLICIES),
  userId: Type.String(),
  userName: Type.String(),
  items: Type.Array(ItemSchema, { minItems: 1, maxItems: MAX_CHUNK_SIZE }),
})
export type ChunkMessage = Static<typeof ChunkMessageSchema>

/**
 * A chunk's result, on PRODUCT_COPY_RESULT: `outcomes[i]` belongs to the chunk's `items[i]`, and
 * `chunkHash` is the `bodyHash` of the chunk's message, by which its sender knows it as its own. The
 * same event may come more than once, always with the same `eventId`.
 */
const ResultMessageSchema = Type.Object({
  type: Type.Literal('product-copy-result'),
  version: Type.Literal(1),
  eventId: Type.String({ minLength: 1, maxLength: 100 }),
  requestId: RequestId,
  chunkNo: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }),
  chunkHash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  outcomes: Type.Array(OutcomeSchema, { minItems: 1, maxItems: MAX_CHUNK_SIZE }),
})
export type ResultMessage = Static<typeof ResultMessageSchema>

export type OutcomeCounts = Record<Outcome['outcome'], number>

export function countOutcomes(outcomes: Outcome[]): OutcomeCounts {
  const counts = { created: 0, existing: 0, rejected: 0, failed: 0 }
  for (const { outcome } of outcomes) counts[outcome]++
  return counts
}

const ajv = new Ajv()
const isChunk = ajv.compile<ChunkMessage>(ChunkMessageSchema)
const isResult = ajv.compile<ResultMessage>(ResultMessageSchema)

/** @throws ProductCopyError `unreadable-message`, with the reason */
export const parseChunkMessage = (body: string): ChunkMessage =>
  parse(body, 'product-copy', 'items', isChunk).message

/**
 * @returns the message, and its packed list where it came with one
 * @throws ProductCopyError `unreadable-message`, with the reason
 */
export const parseResultMessage = (
  body: string,
): { message: ResultMessage; packed: string | undefined } =>
  parse(body, 'product-copy-result', 'outcomes', isResult)

/** Writes a chunk's message. @param columns of its items, where the caller has them */
export const chunkBody = (
  { items, ...head }: ChunkMessage,
  columns: string = columnsOf(items),
): string => write(head, { items }, columns)

/** Writes a result's message. */
export const resultBody = ({ outcomes, ...head }: ResultMessage): string =>
  write(head, { outcomes }, columnsOf(outcomes))

/** A long list travels packed, by columns, in a message of version 3. */
const write = (head: object, list: object, columns: string): string =>
  JSON.stringify(
    isLong(columns) ? { ...head, version: 3, packed: pack(columns) } : { ...head, ...list },
  )

/** A result's outcomes as they are kept with its chunk. @param packed as they came in the message */
export const writeOutcomes = (outcomes: Outcome[], packed: string | undefined): string =>
  packed ?? JSON.stringify(outcomes)

/** Reads what `writeOutcomes` wrote. */
export const readOutcomes = (text: string): Outcome[] =>
  (text.startsWith('[') ? JSON.parse(text) : unpack(text, MAX_CHUNK_SIZE)) as Outcome[]

/** SHA-256 of a message's body: tells whether two messages under one name carry the same work. */
export const bodyHash = (body: string): string => hash('sha256', body)

/** Ends the event id of a result that says that the chunk was given up. */
const GAVE_UP = ':gave-up'
export const isGivenUp = (result: ResultMessage): boolean => result.eventId.endsWith(GAVE_UP)

/**
 * @param end `gave-up` when the chunk was not handled: should it be sent again and answered after
 *   all, that is another event
 */
export function resultMessage(
  chunk: Pick<ChunkMessage, 'requestId' | 'chunkNo'>,
  chunkHash: string,
  outcomes: Outcome[],
  end: 'answered' | 'gave-up' = 'answered',
): ResultMessage {
  const { requestId, chunkNo } = chunk
  return {
    type: 'product-copy-result',
    version: 1,
    eventId: `${requestId}:${chunkNo}${end === 'gave-up' ? GAVE_UP : ''}`,
    requestId,
    chunkNo,
    chunkHash,
    outcomes,
  }
}

function parse<M>(
  body: string,
  type: string,
  list: 'items' | 'outcomes',
  isMessage: ValidateFunction<M>,
): { message: M; packed: string | undefined } {
  const given = parseJson(body)
  const packed = isPacked(given) ? given : undefined
  const value = packed ? unpacked(packed, list) : given
  if (isMessage(value)) return { message: value, packed: packed?.packed }
  const { type: givenType, version } = (value ?? {}) as { type?: unknown; version?: unknown }
  if (givenType !== type) {
    throw unreadable(`its type is ${quoted(givenType)}, not "${type}"`)
  }
  if (isPackedVersion(version)) {
    throw unreadable(`its version is ${version}, and its packed ${list} are missing`)
  }
  if (version !== 1) {
    throw unreadable(`its version is ${quoted(version)}; this program reads versions 1, 2 and 3`)
  }
  const [first] = isMessage.errors ?? []
  throw unreadable(`${first?.instancePath || 'the message'} ${first?.message ?? 'is not valid'}`)
}

/** Those with a packed list: as it is, as earlier programs wrote it, and by columns. */
const isPackedVersion = (version: unknown): version is 2 | 3 => version === 2 || version === 3

type Packed = Record<string, unknown> & { packed: string }

const isPacked = (value: unknown): value is Packed => {
  const { version, packed } = (value ?? {}) as { version?: unknown; packed?: unknown }
  return isPackedVersion(version) && typeof packed === 'string'
}

/** @returns the message as version 1 has it */
function unpacked({ packed, ...head }: Packed, list: 'items' | 'outcomes'): unknown {
  try {
    return { ...head, version: 1, [list]: unpack(packed, MAX_CHUNK_SIZE) }
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

const unreadable = (reason: string, cause?: unknown) =>
  new ProductCopyError('unreadable-message', `unreadable message: ${reason}`, { cause })
