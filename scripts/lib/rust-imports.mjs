/** Reads which files of a crate import which, from `use` declarations and `crate::` paths. */
import { posix } from "node:path"

/** Declarations of test modules in files of their own. */
const TEST_MODULE =
  /^#\[cfg\([^\]]*\btest\b[^\]]*\)\]\n(?:#\[[^\]]*\]\n)*(?:pub(?:\(\w+\))? )?mod (\w+);/gm
/** Begin of the first inline test module. Everything after it counts as test code. */
const INLINE_TESTS = /^#\[cfg\([^\]]*\btest\b[^\]]*\)\]\n(?:#\[[^\]]*\]\n)*mod \w+ \{/m
const USE = /^(?:pub(?:\(\w+\))? )?use ((?:crate|super)::[^;]+);/gm
const REEXPORT = /^pub(?:\(\w+\))? use (\w+)::([^;]+);/gm

/** The imports of each file but `lib.rs`, given its text by path without extension. */
export function rustImports(texts) {
  const modules = new Map([...texts].map(([file, text]) => [moduleOf(file), { file, text }]))
  const inTests = testModules(modules)
  const isProduct = (module) => module !== "lib" && !inTests.some((test) => isWithin(module, test))
  const product = new Map([...modules].filter(([module]) => isProduct(module)))
  const reexports = reexportsOf(product)
  const imports = new Map()
  for (const [module, { file, text }] of product) {
    const paths = pathsIn(text.split(INLINE_TESTS)[0], module)
    const named = paths.map((path) => definedIn(path, product, reexports))
    const others = named.filter((other) => other !== undefined && other !== module)
    imports.set(file, new Set(others.map((other) => product.get(other).file)))
  }
  return imports
}

function moduleOf(file) {
  return file.replace(/\/mod$/, "").replaceAll(posix.sep, "::")
}

function isWithin(module, outer) {
  return module === outer || module.startsWith(`${outer}::`)
}

function testModules(modules) {
  const inside = (module) => (module === "lib" ? "" : `${module}::`)
  return [...modules].flatMap(([module, { text }]) =>
    [...text.matchAll(TEST_MODULE)].map(([, name]) => `${inside(module)}${name}`),
  )
}

/** The module that defines each name that a folder exports again, by the path of the name. */
function reexportsOf(modules) {
  const reexports = new Map()
  for (const [module, { text }] of modules) {
    for (const [, from, tree] of text.matchAll(REEXPORT)) {
      if (!modules.has(`${module}::${from}`)) continue
      for (const [name] of tree.matchAll(/\w+/g))
        reexports.set(`${module}::${name}`, `${module}::${from}`)
    }
  }
  return reexports
}

/** Absolute paths of everything that a module imports. */
function pathsIn(text, module) {
  const parent = module.includes("::") ? module.slice(0, module.lastIndexOf("::") + 2) : ""
  const used = [...text.matchAll(USE)].flatMap(([, tree]) => flattened(tree.replaceAll(/\s+/g, "")))
  const inline = [...text.matchAll(/crate::(?:\w+::)*\w+/g)].map(([path]) => path)
  return [...used, ...inline].map((path) =>
    path.replace(/^crate::/, "").replace(/^super::/, parent),
  )
}

/** `a::{b, c::d}` as `a::b` and `a::c::d`. */
function flattened(tree) {
  const open = tree.indexOf("{")
  if (open < 0) return [tree]
  const prefix = tree.slice(0, open)
  return branches(tree.slice(open + 1, tree.lastIndexOf("}"))).flatMap((branch) =>
    flattened(prefix + branch),
  )
}

function branches(list) {
  const found = [""]
  let depth = 0
  for (const character of list) {
    depth += Number(character === "{") - Number(character === "}")
    if (character === "," && depth === 0) found.push("")
    else found[found.length - 1] += character
  }
  return found.filter((branch) => branch !== "")
}

/**
 * The module that a path leads to: that of its longest prefix that is a module, or the module from
 * which that one exports the next name again.
 */
function definedIn(path, modules, reexports) {
  const parts = path.split("::")
  for (let length = parts.length; length > 0; length--) {
    const module = parts.slice(0, length).join("::")
    if (modules.has(module)) return reexports.get(parts.slice(0, length + 1).join("::")) ?? module
  }
  return undefined
}
