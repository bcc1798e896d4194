import { Readable } from 'node:stream'
import { Type } from 'typebox'
import { copyResults } from '../../copy/copy-results.ts'
import { DEFAULT_NAME_TEMPLATE } from '../../copy/name-template.ts'
import { recordCopyRequest } from '../../copy/record-request.ts'
import { copyRequestStatus, listCopyRequests } from '../../copy/request-status.ts'
import type { Database } from '../../database.ts'
import { errorText } from '../../errors.ts'
import type { App, Parts } from '../app.ts'
import { overloaded } from '../problems.ts'
import {
  checkAfter,
  CopyRequestAnswer,
  CopyRequestsQuery,
  DEFAULT_LIMIT,
  Id,
  IdempotencyKey,
  IdParams,
  NewCopyRequest,
  Next,
  nextOf,
  notFound,
  unprocessable,
} from '../schemas.ts'

const tags = ['copy requests']
const Recorded = Type.Object({ id: Id, repeated: Type.Boolean() })
const Requests = Type.Object({ requests: Type.Array(CopyRequestAnswer), next: Next })

/** Callers that read results at a time: each keeps a chunk in memory for as long as it takes to read. */
export const MAX_READERS = 32
/** Characters that are put together before they are given to the connection. */
const PIECE = 32_768

/** Copy requests: recording them, and how they stand. */
export function addCopyRequestRoutes(app: App, { database, newId, logger, stopping }: Parts): void {
  let readers = 0

  app.post(
    '/copy-requests',
    {
      schema: {
        tags,
        summary: 'Record a request to copy the live products of a brand into others',
        description:
          'It is carried out later. The same `Idempotency-Key` with the same content is the same request.',
        headers: IdempotencyKey,
        body: NewCopyRequest,
        response: {
          202: Recorded,
          422: unprocessable('`unknown-brand`, `idempotency-key-reused`'),
        },
      },
    },
    async ({ body, headers, user }, reply) => {
      const { id, repeated } = await recordCopyRequest(database, newId, {
        sourceBrand: body.from,
        targetBrands: body.to,
        nameTemplate: body.name ?? DEFAULT_NAME_TEMPLATE,
        policy: body.policy ?? 'return-existing',
        user,
        requestKey: headers['idempotency-key'],
      })
      return reply.code(202).header('location', `/copy-requests/${id}`).send({ id, repeated })
    },
  )

  app.get(
    '/copy-requests',
    {
      schema: {
        tags,
        summary: 'List requests, the newest first',
        querystring: CopyRequestsQuery,
        response: { 200: Requests },
      },
    },
    async ({ query }) => {
      const { after, limit = DEFAULT_LIMIT } = query
      if (after !== undefined) checkAfter(after)
      const requests = await listCopyRequests(database, { ...query, limit })
      return { requests, next: nextOf(requests, limit) }
    },
  )

  app.get(
    '/copy-requests/:id',
    {
      schema: {
        tags,
        summary: 'Show how a request stands',
        params: IdParams,
        response: { 200: CopyRequestAnswer, 404: notFound },
      },
    },
    ({ params: { id } }) => copyRequestStatus(database, id),
  )

  app.get(
    '/copy-requests/:id/results',
    {
      // Else all of it would be read for an answer without a body.
      exposeHeadRoute: false,
      schema: {
        tags,
        summary: 'What became of each item: one JSON object a line',
        params: IdParams,
        response: {
          200: {
            description: 'items in order; an answer that breaks off is not complete',
            content: { 'application/x-ndjson': { schema: Type.String() } },
          },
          404: notFound,
        },
      },
    },
    async ({ params: { id } }, reply) => {
      await copyRequestStatus(database, id)
      if (readers === MAX_READERS) {
        throw overloaded(
          'unavailable',
          `${MAX_READERS} callers are reading results here already, try again later`,
        )
      }
      readers++
      const lines = Readable.from(resultLines(database, id), { signal: stopping })
      // It closes when all is sent, when it breaks off, and when the caller hangs up.
      lines.on('close', () => readers--)
      lines.on('error', (error) => {
        if (!stopping.aborted) logger.warn({ id, err: errorText(error) }, 'results broke off')
      })
      return reply.type('application/x-ndjson').send(lines as never)
    },
  )
}

async function* resultLines(database: Database, id: string): AsyncGenerator<string> {
  let piece = ''
  for await (const result of copyResults(database, id)) {
    piece += `${JSON.stringify(result)}\n`
    if (piece.length < PIECE) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}
