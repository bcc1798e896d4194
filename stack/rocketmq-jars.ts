import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { errorText, ProductCopyError } from '../src/errors.ts'
import type { Guard } from './guard.ts'
import { findProgram, runProgram } from './programs.ts'

export const VERSION = '5.5.0'

const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
const TIMEOUT_MS = 15 * 60_000

const dependency = (artifact: string) =>
  `<dependency>
      <groupId>org.apache.rocketmq</groupId>
      <artifactId>${artifact}</artifactId>
      <version>${VERSION}</version>
    </dependency>`

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>product-copy</groupId>
  <artifactId>rocketmq</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    ${['rocketmq-proxy', 'rocketmq-namesrv'].map(dependency).join('\n    ')}
  </dependencies>
</project>
`

/** The folder of RocketMQ's programs, kept for all stacks of the user. */
export const jarsFolder = (): string =>
  path.join(
    process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'),
    'product-copy',
    `rocketmq-${VERSION}`,
  )

export const haveJars = (): boolean => existsSync(jarsFolder())

/**
 * Fetches RocketMQ (about 100 MB) from Maven Central, unless it is there. It comes into a folder
 * aside, which is then renamed, so that an interrupted download leaves no half.
 * @throws ProductCopyError `could-not-run`
 */
export async function fetchJars(guard: Guard): Promise<void> {
  if (haveJars()) return
  const parent = path.dirname(jarsFolder())
  await mkdir(parent, { recursive: true })
  const aside = await mkdtemp(path.join(parent, 'download-'))
  guard.add({ remove: aside })
  process.stderr.write(`rocketmq: fetching ${VERSION} from Maven Central into ${jarsFolder()}\n`)
  try {
    const pom = path.join(aside, 'pom.xml')
    const jars = path.join(aside, 'jars')
    await writeFile(pom, POM)
    await runProgram(
      {
        command: findProgram(['mvn'])!,
        args: ['-B', '-q', '-Dstyle.color=never', '-f', pom, PLUGIN, `-DoutputDirectory=${jars}`],
        cwd: aside,
      },
      { log: path.join(aside, 'mvn.log'), guard, timeoutMs: TIMEOUT_MS },
    )
    await rename(jars, jarsFolder()).catch((error: unknown) => {
      // Somebody else was faster.
      if (!haveJars()) throw error
    })
  } catch (cause) {
    throw new ProductCopyError(
      'could-not-run',
      `RocketMQ ${VERSION} cannot be fetched from Maven Central: ${errorText(cause)}`,
      { cause },
    )
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
}
