import path from 'node:path'
import process from 'node:process'

/**
 * Lists, as the last thing of a run, the tests that were skipped because a real part is not there,
 * and what would make them run.
 */
export default class SkippedReporter {
  /** @param {{ rootDir: string }} globalConfig */
  constructor(globalConfig) {
    this.rootDir = globalConfig.rootDir
  }

  /**
   * @param {unknown} _contexts
   * @param {import('@jest/test-result').AggregatedResult} results
   */
  onRunComplete(_contexts, results) {
    const needs = /needs (\w+)$/
    const skipped = results.testResults.flatMap(({ testFilePath, testResults }) =>
      testResults
        .filter(({ status, title }) => status === 'pending' && needs.test(title))
        .map(({ fullName, title }) => ({
          name: `${path.relative(this.rootDir, testFilePath)}: ${fullName}`,
          part: needs.exec(title)[1],
        })),
    )
    if (skipped.length === 0) return
    const found = JSON.parse(process.env.FOUND_PARTS ?? '{}')
    const parts = [...new Set(skipped.map(({ part }) => part))]
    const lines = [
      'Skipped, because a real part is not there:',
      ...skipped.map(({ name }) => `  ${name}`),
      'What would make them run:',
      ...parts.map((part) => `  ${part}: ${found[part]?.missing ?? found[part]?.noPrograms ?? ''}`),
    ]
    // jest's own summary comes after all reporters.
    process.once('exit', () => process.stderr.write(`\n${lines.join('\n')}\n`))
  }
}
