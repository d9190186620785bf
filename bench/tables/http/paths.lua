-- The products that are asked for, one after the other, as in paths.mjs.
local products = 100
local asked = 0

request = function()
  asked = asked % products + 1
  return wrk.format("GET", "/api/products/" .. asked)
end
