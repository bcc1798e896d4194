import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import type { Profiler, Runtime } from 'node:inspector'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Guard } from '../stack/guard.ts'
import type { Env } from '../stack/part.ts'
import { withDatabase } from './place.ts'
import { ours } from './ours.ts'
import { WARM_UP_PRODUCTS } from './measure.ts'
import type { Stage } from './stages.ts'
import type { Run } from './way.ts'

/** Where the time of one run of the whole path went. */
export interface Profile {
  products: number
  seconds: number
  cpuSeconds: Record<string, number>
  processes: ProcessProfile[]
  /** With a CPU profile of each process, to be opened in a browser's developer tools. */
  folder: string
}

interface ProcessProfile {
  name: string
  /** What it waited for, the longest first. */
  stages: Stage[]
  /** What it did itself, by functions: CPU milliseconds, the most first. */
  functions: { name: string; ms: number }[]
}

const FUNCTIONS = 15

export async function takeProfile(products: number, env: Env, guard: Guard): Promise<Profile> {
  const folder = mkdtempSync(path.join(tmpdir(), 'product-copy-profile-'))
  const way = ours({ database: 'mysql', products, consumers: 2, profile: folder, guard })
  const warmUp = WARM_UP_PRODUCTS
  const work = (own: Env): Promise<Run> => way.run({ products, warmUp, env: own })
  const { seconds, cpuSeconds, servers } = await withDatabase('mysql', env, work, products + warmUp)
  const names = readdirSync(folder).filter((name) => name.endsWith('.stages.json'))
  const processes = names.map((name) => read(folder, name.replace('.stages.json', '')))
  return { products, seconds, cpuSeconds: { ours: cpuSeconds, ...servers }, processes, folder }
}

function read(folder: string, name: string): ProcessProfile {
  const json = (kind: string) =>
    JSON.parse(readFileSync(path.join(folder, `${name}.${kind}`), 'utf8')) as unknown
  const stages = json('stages.json') as Stage[]
  const functions = functionTimes(json('cpuprofile') as Profiler.Profile)
  return { name, stages: stages.sort((a, b) => b.ms - a.ms), functions }
}

/** The time in each function itself, without those that it calls. */
function functionTimes({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile) {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const times = new Map<string, number>()
  for (const [index, id] of samples.entries()) {
    const name = names.get(id)!
    if (name === '(idle)') continue
    times.set(name, (times.get(name) ?? 0) + timeDeltas[index]! / 1000)
  }
  const all = [...times].map(([name, ms]) => ({ name, ms: Math.round(ms) }))
  return all.sort((a, b) => b.ms - a.ms).slice(0, FUNCTIONS)
}

function nameOf({ functionName, url }: Runtime.CallFrame): string {
  const file = /node_modules\/((@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? path.basename(url)
  return `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}`}`
}

/** The profile for a person. */
export function describeProfile(profile: Profile): string {
  const { products, seconds, cpuSeconds, processes, folder } = profile
  const lines = [
    `${products} products in ${seconds.toFixed(1)} s, ${Math.round(products / seconds)}/s`,
    '',
    'CPU, microseconds a product',
    ...Object.entries(cpuSeconds).map(([name, s]) => row(name, (s * 1e6) / products)),
  ]
  for (const { name, stages, functions } of processes) {
    lines.push(
      '',
      `${name}: waited for`,
      `  ${'times'.padStart(7)} ${'ms each'.padStart(9)}      ms`,
    )
    for (const stage of stages) {
      const each = (stage.ms / stage.count).toFixed(2).padStart(9)
      const all = Math.round(stage.ms).toString().padStart(7)
      lines.push(`  ${String(stage.count).padStart(7)} ${each} ${all}  ${stage.name}`)
    }
    lines.push('', `${name}: CPU, microseconds a product`)
    for (const { name: of, ms } of functions) lines.push(row(of, (ms * 1000) / products))
  }
  return [...lines, '', `CPU profiles, for a browser's developer tools: ${folder}`, ''].join('\n')
}

const row = (name: string, microseconds: number) =>
  `  ${microseconds.toFixed(2).padStart(7)}  ${name}`
