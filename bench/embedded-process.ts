// A round on the embedded database. Arguments: products, products of the warm-up, and for bare
// transactions their size; without it the whole path is run. Prints the run as JSON, when all is well.
import { errorText } from '../src/errors.ts'
import { startParties } from '../src/parties.ts'
import { readConfig } from '../src/platform/config.ts'
import { createLogger } from '../src/platform/logger.ts'
import { createLocalProgress } from '../src/platform/progress-channel.ts'
import type { Env } from '../stack/part.ts'
import { copying, fillSources } from './copy.ts'
import { runBare } from './limit.ts'
import { check, openPlace } from './place.ts'
import { timedHere, type Place, type Run } from './way.ts'

const [products, warmUp, size] = process.argv.slice(2).map(Number) as [number, number, number?]
const place = { products, warmUp, env: process.env as Env }
try {
  const run = size === undefined ? await runOurs(place) : await runBare(place, size)
  const { database, close } = await openPlace(place)
  await check(database, products + warmUp).finally(close)
  process.stdout.write(JSON.stringify(run))
} catch (error) {
  process.stderr.write(errorText(error))
  process.exitCode = 1
}

async function runOurs(place: Place): Promise<Run> {
  const config = readConfig(place.env)
  const logger = createLogger(config.LOG_LEVEL)
  const progress = createLocalProgress(logger)
  const { database, newId, close } = await openPlace(place)
  try {
    await fillSources(database, newId, place)
    const parties = await startParties({ config, database, newId, progress, logger })
    try {
      return await timedHere(place, copying(database, newId))
    } finally {
      await parties.stop()
    }
  } finally {
    await progress.close()
    await close()
  }
}
