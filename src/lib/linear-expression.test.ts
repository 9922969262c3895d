import { expect, test } from 'bun:test'
import { isExpression, parseExpression } from './linear-expression.ts'

test.each([
  ['^https://layers\\.example/', 'https://layers.example/1', true],
  ['^https://layers\\.example/', 'https://layers-example/1', false],
  ['(?i)EXAMPLE', 'https://example/', true],
  ['ample', 'https://example/', true],
  ['^(a*)*$', `${'a'.repeat(1000)}b`, false],
])('%s is looked for in %s: %p', (expression, text, isFound) => {
  expect(parseExpression(expression).test(text)).toBe(isFound)
})

test.each([
  ['(?i)x', true],
  ['[', false],
  ['a(', false],
  ['a{2000}', false],
  // Go knows neither, for they cannot be matched in linear time.
  ['(?=x)', false],
  ['(a)\\1', false],
])('%s is an expression: %p', (text, isOne) => expect(isExpression(text)).toBe(isOne))
