import { access, constants, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { badInput, errorText, quoted } from '../errors.ts'

/**
 * Finds out whether a chart can be written, before the work that takes minutes.
 * @throws ProductCopyError `bad-input`
 */
export async function checkChartFile(file: string): Promise<void> {
  const there = await stat(file).catch(() => undefined)
  if (there?.isDirectory()) throw badInput(`--chart ${quoted(file)} is a folder`)
  await access(there ? file : path.dirname(file), constants.W_OK).catch(notWritable(file))
}

export const writeChartFile = (file: string, svg: string): Promise<void> =>
  writeFile(file, svg).catch(notWritable(file))

const notWritable = (file: string) => (cause: unknown) => {
  throw badInput(`--chart ${quoted(file)} cannot be written: ${errorText(cause)}`)
}
