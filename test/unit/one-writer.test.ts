import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import ts from 'typescript'
import { root } from '../support/cli.ts'

/** The code of the product: file by file, each text in it, and each function that it calls. */
const FILES = ['src', 'consumers', 'producers'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(path.join(folder, file))),
)

function read(file: string) {
  const source = ts.createSourceFile(
    file,
    readFileSync(path.join(root, file), 'utf8'),
    ts.ScriptTarget.Latest,
  )
  const texts: string[] = []
  const called: string[] = []
  const visit = (node: ts.Node): void => {
    if (
      ts.isStringLiteralLike(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddleOrTemplateTail(node)
    ) {
      texts.push(node.text)
    }
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      called.push(node.expression.name.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { file: file.replaceAll(path.sep, '/'), texts, called }
}

const names = (files: { file: string }[]) => files.map(({ file }) => file).sort()
const DIALECTS = ['src/platform/mysql-dialect.ts', 'src/platform/postgres-dialect.ts']
const WRITER = 'src/products/product-unique.ts'

test('only one module writes product_unique, with the statements of the dialects', () => {
  const naming = FILES.filter(({ texts }) => texts.some((text) => /product_unique/.test(text)))
  // Who else names the table only reads: nothing in these files writes anything.
  const others = naming.filter(({ file }) => file !== WRITER && !DIALECTS.includes(file))
  expect(names(others)).toEqual([
    'src/platform/check-schema.ts',
    'src/products/adopt.ts',
    'src/products/audit.ts',
    'src/products/duplicates.ts',
    'src/products/product-rows.ts',
  ])
  for (const { called, texts } of others) {
    for (const method of ['insert', 'update', 'delete', 'del', 'truncate', 'upsert']) {
      expect(called).not.toContain(method)
    }
    const writes = texts.filter((text) => /\b(insert|update|delete|replace|truncate)\b/i.test(text))
    expect(writes).toEqual([])
  }
  const inserting = FILES.filter(({ called }) => called.includes('insertKeys'))
  expect(names(inserting)).toEqual([WRITER])
  const statements = naming.filter(({ texts }) =>
    texts.some((text) =>
      /\b(insert into|update|delete from|replace into)\s+product_unique/i.test(text),
    ),
  )
  expect(names(statements)).toEqual(DIALECTS)
})

test('only one module creates products', () => {
  const inserting = FILES.filter(({ called }) => called.includes('insertProducts'))
  expect(names(inserting)).toEqual(['src/products/create-products.ts'])
  const statements = FILES.filter(({ texts }) =>
    texts.some((text) => /\b(insert|replace) into\s+product\b/i.test(text)),
  )
  expect(names(statements)).toEqual(DIALECTS)
})
