import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

/**
 * Compiles the program, for the processes that tests start: they run what an installed package runs,
 * and begin in half the time.
 */
export function compile(): void {
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const info = path.join(root, 'dist/test.tsbuildinfo')
  const options = ['-p', 'tsconfig.build.json', '--incremental', '--tsBuildInfoFile', info]
  execFileSync(process.execPath, [tsc, ...options], { cwd: root, stdio: 'inherit' })
}
