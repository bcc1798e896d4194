import { pino, type Logger } from 'pino'

export type { Logger }

/** Logs JSON lines to stderr: stdout belongs to results. Written at once, so that a crash loses none. */
export const createLogger = (level: string): Logger =>
  pino({ level, base: null }, pino.destination({ dest: 2, sync: true }))
