import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from 'typebox'
import type { App, Parts } from '../app.ts'

const tags = ['health']
/** How long the database may take to answer; orchestrators ask again. */
const PROBE_MS = 2000

/** Whether the process lives, and whether it can work. */
export function addHealthRoutes(app: App, { database, stopping }: Parts): void {
  app.get(
    '/livez',
    {
      schema: {
        tags,
        summary: 'Whether the process lives',
        response: { 200: Type.Object({ status: Type.Enum(['live']) }) },
      },
    },
    () => ({ status: 'live' as const }),
  )

  const Ready = Type.Object({ status: Type.Enum(['ready']) })
  const NotReady = Type.Object({
    status: Type.Enum(['not-ready']),
    away: Type.Array(Type.Enum(['database', 'server'])),
  })
  // Probes that come while one hangs share it, and take no further connection.
  let probing: Promise<boolean> | undefined
  const answers = (): Promise<boolean> =>
    (probing ??= database.knex
      .raw('select 1')
      .then(
        () => true,
        () => false,
      )
      .finally(() => (probing = undefined)))

  app.get(
    '/readyz',
    {
      schema: {
        tags,
        summary: 'Whether it can work: the database answers, and it is not stopping',
        response: { 200: Ready, 503: NotReady },
      },
    },
    async (_, reply) => {
      const inTime = await Promise.race([answers(), sleep(PROBE_MS, false, { ref: false })])
      if (inTime && !stopping.aborted) return { status: 'ready' as const }
      const away = stopping.aborted ? ('server' as const) : ('database' as const)
      return reply.code(503).send({ status: 'not-ready', away: [away] })
    },
  )
}
