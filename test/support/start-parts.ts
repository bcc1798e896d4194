import path from 'node:path'
import { errorText } from '../../src/errors.ts'
import { startGuard, type Guard } from '../../stack/guard.ts'
import { KINDS } from '../../stack/kinds.ts'
import { createPart, PART_NAMES, type Env, type PartName } from '../../stack/part.ts'
import { freePorts } from '../../stack/ports.ts'
import { compile } from './compile.ts'
import { findEngine, startContainer } from './containers.ts'
import { FOUND_PARTS, newPartFolder, type FoundPart } from './found-parts.ts'

/** The variables of a part that is there already. */
const VARIABLES: Record<PartName, [string, ...string[]]> = {
  mysql: ['MYSQL_URL'],
  postgres: ['POSTGRES_URL'],
  redis: ['REDIS_URL'],
  rocketmq: ['ROCKETMQ_ENDPOINTS', 'ROCKETMQ_NAMESRV'],
}

interface Run {
  guard: Guard
  folder: string
  engine: string | undefined
}

/** jest's own process gives it to stop-parts.ts. */
const stored = globalThis as { partsGuard?: Guard }

/**
 * Gets each real part for the whole run: by the URL in the environment, in a container, or from this
 * machine's programs. What it starts ends with jest, however that ends.
 */
export default async function startParts(): Promise<void> {
  compile()
  const guard = startGuard()
  stored.partsGuard = guard
  try {
    const run = { guard, folder: await newPartFolder(guard), engine: findEngine() }
    const parts = await Promise.all(
      PART_NAMES.map(async (name) => [name, await getPart(name, run)] as const),
    )
    process.env[FOUND_PARTS] = JSON.stringify(Object.fromEntries(parts))
  } catch (error) {
    await guard.undo()
    throw error
  }
}

async function getPart(name: PartName, run: Run): Promise<FoundPart> {
  const programs = KINDS[name].missing()
  const own = programs === undefined ? {} : { noPrograms: programs }
  if (process.env[VARIABLES[name][0]] !== undefined) return { ...own, ...(await byUrl(name)) }
  const faults: string[] = []
  for (const [from, start] of [
    ['container', run.engine && (() => startContainer(run.engine!, name, inRun(name, run)))],
    ['programs', programs === undefined && (() => startPart(name, run))],
  ] as const) {
    if (!start) continue
    try {
      return { ...own, from, env: await start() }
    } catch (error) {
      faults.push(errorText(error))
    }
  }
  const ways = [
    `set ${VARIABLES[name].join(' and ')}`,
    run.engine === undefined ? 'start docker or podman' : [],
  ].flat()
  const why = [...faults, programs ?? []].flat().join('; ')
  return { ...own, missing: `${why}; or ${ways.join(', or ')}` }
}

/** One that was asked for and does not answer is not replaced by another. */
async function byUrl(name: PartName): Promise<FoundPart> {
  const unset = VARIABLES[name].find((variable) => !process.env[variable])
  if (unset !== undefined)
    return { missing: `${VARIABLES[name][0]} is set, ${unset} is needed too` }
  const env = Object.fromEntries(
    VARIABLES[name].map((variable) => [variable, process.env[variable]!]),
  )
  try {
    await KINDS[name].version(env)
    return { from: 'environment', env }
  } catch (error) {
    return {
      missing: `${VARIABLES[name][0]} is set, but nothing answers there: ${errorText(error)}`,
    }
  }
}

const inRun = (name: PartName, { guard, folder }: Run) => ({
  guard,
  log: path.join(folder, `${name}-container.log`),
})

async function startPart(name: PartName, { guard, folder }: Run): Promise<Env> {
  const kind = KINDS[name]
  const place = { folder: path.join(folder, name), port: await freePorts(kind.ports) }
  const started = createPart(kind, place, { guard })
  await started.start()
  return started.env
}
