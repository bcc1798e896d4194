import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import type { CatalogueItem } from '../products/import-catalogue.ts'
import { badInput, errorText, ProductCopyError, quoted } from '../errors.ts'
import type { Item } from '../messages.ts'

const MAX_RECORD_BYTES = 1024 * 1024
/** A .json file is parsed as a whole; larger catalogues are read line by line from the others. */
const MAX_JSON_BYTES = 256 * 1024 * 1024
const COLUMNS = ['brand', 'name', 'model', 'price']

/** A catalogue that was read to its end once: its structure is sound. */
export interface Catalogue {
  /** Products in the file. */
  total: number
  /** Reads the file anew. `at` is the line, or in .json the number of the item, from 1. */
  items: () => AsyncIterable<CatalogueItem>
}

/**
 * Reads a catalogue: .json (an array), .ndjson (an object on each line) or .csv (with a header).
 * Fields beside brand, name, model, price and attributes become attributes.
 *
 * The whole file is checked before anything is returned, so that a file that is broken at its end
 * is not half imported.
 *
 * @throws ProductCopyError `bad-input` that names the file and the line
 */
export async function openCatalogue(file: string): Promise<Catalogue> {
  const read = readers[path.extname(file).toLowerCase()]
  if (!read) throw badInput(`file ${quoted(file)} is not allowed: .json, .ndjson and .csv are`)
  await checkFile(file)
  let total = 0
  for await (const _item of read(file)) total++
  if (total === 0) throw badInput(`file ${quoted(file)} holds no products`)
  return { total, items: () => read(file) }
}

const readers: Record<string, (file: string) => AsyncGenerator<CatalogueItem>> = {
  '.json': readJson,
  '.ndjson': readNdjson,
  '.csv': readCsv,
}

async function checkFile(file: string): Promise<void> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${error.code})`
    throw badInput(`file ${quoted(file)} ${why}`)
  })
  if (!found.isFile()) throw badInput(`${quoted(file)} is not a file`)
}

async function* readJson(file: string): AsyncGenerator<CatalogueItem> {
  const { size } = await stat(file)
  if (size > MAX_JSON_BYTES) {
    throw badInput(`file ${quoted(file)} has ${size} bytes: write more than 256 MiB as .ndjson`)
  }
  let text = ''
  for await (const part of readText(file)) text += part
  const values = parseJson(text, `file ${quoted(file)}`)
  if (!Array.isArray(values)) throw badInput(`file ${quoted(file)} is not an array of products`)
  for (const [index, value] of values.entries()) {
    yield { at: index + 1, item: toItem(value, `file ${quoted(file)}, item ${index + 1}`) }
  }
}

async function* readNdjson(file: string): AsyncGenerator<CatalogueItem> {
  let at = 0
  for await (const line of readLines(file)) {
    at++
    if (line.trim() === '') continue
    const where = `file ${quoted(file)}, line ${at}`
    yield { at, item: toItem(parseJson(line, where), where) }
  }
}

async function* readCsv(file: string): AsyncGenerator<CatalogueItem> {
  const parser = parse({
    columns: (header: string[]) => checkHeader(file, header),
    info: true,
    skip_empty_lines: true,
    // Spreadsheets leave such rows at the end.
    skip_records_with_empty_values: true,
    max_record_size: MAX_RECORD_BYTES,
  })
  const source = Readable.from(readText(file))
  source.on('error', (error) => parser.destroy(error))
  try {
    for await (const row of source.pipe(parser)) {
      const { record, info } = row as { record: Record<string, string>; info: { lines: number } }
      const filled = Object.entries(record).filter(([column, value]) => {
        return value !== '' || COLUMNS.includes(column)
      })
      yield { at: info.lines, item: withAttributes(Object.fromEntries(filled)) }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const { lines, columns, record } = error as CsvError & Record<string, unknown>
    const ragged = error.code === 'CSV_RECORD_INCONSISTENT_COLUMNS'
    throw badInput(
      ragged && Array.isArray(columns) && Array.isArray(record)
        ? `file ${quoted(file)}, line ${String(lines)} has ${record.length} values, the header has ${columns.length}`
        : `file ${quoted(file)}: ${errorText(error)}`,
    )
  } finally {
    source.destroy()
  }
}

/** @returns the columns' names; undefined for one without a name, which is passed over */
function checkHeader(file: string, header: string[]): (string | undefined)[] {
  const columns = header.map((column) => {
    const name = column.trim()
    return COLUMNS.includes(name.toLowerCase()) ? name.toLowerCase() : name
  })
  for (const needed of ['brand', 'name', 'model']) {
    if (!columns.includes(needed)) {
      throw badInput(
        `file ${quoted(file)} has no column "${needed}": its first line is ${quoted(header.join(','))}, and must name brand, name and model, separated by commas`,
      )
    }
  }
  const named = columns.filter((column) => column !== '')
  const twice = named.find((column, index) => named.indexOf(column) !== index)
  if (twice !== undefined) throw badInput(`file ${quoted(file)} has column ${quoted(twice)} twice`)
  return columns.map((column) => column || undefined)
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badInput(`${where} is not JSON: ${errorText(error)}`)
  }
}

function toItem(value: unknown, where: string): Item {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badInput(`${where} is not an object: ${quoted(value)}`)
  }
  return withAttributes(value as Item)
}

function withAttributes(fields: Item): Item {
  const { brand, name, model, price, attributes = {}, ...others } = fields
  const extra = Object.keys(others).length > 0
  const mergeable = typeof attributes === 'object' && !Array.isArray(attributes)
  return {
    brand,
    name,
    model,
    price,
    // What is no object is left for readProduct to reject, with its reason.
    attributes: extra && mergeable ? { ...attributes, ...others } : attributes,
  }
}

async function* readLines(file: string): AsyncGenerator<string> {
  let rest = ''
  for await (const part of readText(file)) {
    const lines = (rest + part).split('\n')
    rest = lines.pop()!
    if (rest.length > MAX_RECORD_BYTES) {
      throw badInput(`file ${quoted(file)} has a line of more than 1 MiB`)
    }
    yield* lines
  }
  if (rest !== '') yield rest
}

async function* readText(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const stream = createReadStream(file)
  try {
    for await (const bytes of stream) yield decoder.decode(bytes as Buffer, { stream: true })
    yield decoder.decode()
  } catch (error) {
    if (error instanceof ProductCopyError) throw error
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
        ? 'is not UTF-8 text: save it as UTF-8'
        : `cannot be read (${code})`
    throw badInput(`file ${quoted(file)} ${why}`)
  } finally {
    stream.destroy()
  }
}
