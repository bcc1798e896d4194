import { pino } from 'pino'

/** A logger whose lines a test can read. */
export function recordingLogger() {
  const lines: { msg: string; err?: string }[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as { msg: string })
  return { logger: pino({ level: 'debug' }, { write }), lines }
}
