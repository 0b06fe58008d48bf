// The translator by what it emits: deferred loads, the accumulator, canonical state, fused branches, slow-path sites.
#include "tests/unit/tier1/fixture.h"
#include "tier1/inline_cache.h"
#include "tier1/slow_path.h"

namespace tierjit::tier1 {
namespace {

std::string NamesOf(const char* source) { return Translate(source).Names(); }
std::string BlocksOf(const char* source) { return Translate(source).Blocks(); }

TEST_CASE("translator: loads emit nothing, operators take locals where they are") {
  Translated t = Translate("def f(a, b): return a + b\n");
  CHECK(t.Names() == "resume int_add_LL return_R");
  const Emission& add = t.Find("int_add_LL");
  CHECK(add.a == t.LocalOffset(0));
  CHECK(add.b == t.LocalOffset(1));
  // Never run and in no loop: little code. In a loop all forms have some.
  CHECK(Translated::Chained(add, {"int_add_LL", "binary_any_LL"}));
  CHECK(!Translated::Chained(add, {"int_add_LL", "float_add_LL", "binary_any_LL"}));
  Translated loop = Translate("def f(a, b):\n while a: a + b\n");
  CHECK(Translated::Chained(loop.Find("int_add_LL"), {"int_add_LL", "float_add_LL", "wide_add_LL", "binary_any_LL"}));
  CHECK(t.PendingAt(add) == "0:local0 1:local1");
}

TEST_CASE("translator: a site tells the slow path where everything is") {
  Translated t = Translate("def f(a, b, c): return a + b * c\n");
  CHECK(t.Names() == "resume int_mul_LL int_add_LR return_R");
  const Site& mul = t.SiteOf(t.Find("int_mul_LL"));
  CHECK(mul.depth == 3);
  CHECK(mul.popped == 2);
  CHECK(mul.flags == kResultInAcc);
  CHECK((mul.quick == QuickBinary));
  CHECK(mul.next > mul.instr);
  CHECK(t.PendingAt(t.Find("int_mul_LL")) == "0:local0 1:local1 2:local2");
  CHECK(t.PendingAt(t.Find("int_add_LR")) == "0:local0 1:acc");
  CHECK(t.SiteOf(t.Find("int_add_LR")).instr == mul.next);
}

TEST_CASE("translator: the accumulator goes to its slot when a second value needs it") {
  Translated t = Translate("def f(a, b, c): return (a - b) * (b - c)\n");
  CHECK(t.Names() == "resume int_sub_LL spill_R int_sub_LL int_mul_MR return_R");
  CHECK(t.Find("spill_R").a == t.SlotOffset(0));
  CHECK(t.Find("int_mul_MR").a == t.SlotOffset(0));
  CHECK(t.PendingAt(t.Find("int_mul_MR")) == "1:acc");  // the left operand is canonical already
}

TEST_CASE("translator: constants become immediates of the stencils that can hold them") {
  Translated right = Translate("def f(a): return a + 7\n");
  CHECK(right.Names() == "resume int_add_LN return_R");
  CHECK(right.Find("int_add_LN").c == 7);
  double seven = 7;
  CHECK(right.Find("int_add_LN").q == __builtin_bit_cast(uint64_t, seven));
  Translated loop = Translate("def f(a):\n while a: a + 7\n");
  CHECK(Translated::Chained(loop.Find("int_add_LN"), {"int_add_LN", "float_add_LF", "wide_add_LN", "binary_any_LC"}));
  CHECK(NamesOf("def f(a): return 7 + a\n") == "resume int_add_NL return_R");
  Translated floats = Translate("def f(a): return a * 0.5\n");
  CHECK(Translated::Chained(floats.Find("float_mul_LF"), {"float_mul_LF", "binary_any_LC"}));
  // Negative ints do not fit an unsigned immediate; a double holds them. Others have no stencil at all.
  CHECK(NamesOf("def f(a): return a + -7\n") == "resume float_add_LF return_R");
  CHECK(NamesOf("def f(a): return a + 'x'\n") == "resume binary_any_LC return_R");
  CHECK(NamesOf("def f(a): return a + (1 << 30)\n") == "resume binary_any_LC return_R");
  CHECK(NamesOf("def f(a): return a ** 2\n") == "resume binary_any_LC return_R");
}

TEST_CASE("translator: stores take their value from where it is, and know what the old value probably was") {
  CHECK(NamesOf("def f(a):\n x = a\n return x\n") == "clear_locals_1 resume store_L return_L");
  CHECK(NamesOf("def f(a):\n x = a + a\n return x\n") ==
        "clear_locals_1 resume int_add_LL store_R_int return_L");
  CHECK(NamesOf("def f(a):\n x = a * 2.0\n return x\n") ==
        "clear_locals_1 resume float_mul_LF store_R_float return_L");
  CHECK(NamesOf("def f(a):\n x = 1\n return x\n") == "clear_locals_1 resume store_C return_L");
  CHECK(NamesOf("def f(a):\n a = a\n return a\n") == "resume return_L");
  Translated t = Translate("def f(a):\n x = a + a\n return x\n");
  const Emission& store = t.Find("store_R_int");
  CHECK(store.a == t.LocalOffset(1));
  REQUIRE(store.dispose != nullptr);
  CHECK(std::string(store.dispose->name) == "cold_dispose_plain");  // nothing is pending, the old value is no operand
  CHECK(store.dispose_site == -1);
  Translated pending = Translate("def f(a, b): return a + (c := b + b)\n");
  const Emission& late = pending.Find("store_R_int");
  CHECK(std::string(late.dispose->name) == "cold_dispose");
  CHECK(late.dispose_site >= 0);
  Translated shared = Translate("def f(a, b, c): return a + (b in c)\n");
  const Emission& test = shared.Find("item_contains_LL");
  CHECK(test.dispose_site == test.site);  // which knows what is pending under the operands
}

TEST_CASE("translator: a return releases the locals, but for the one that it returns") {
  auto raw = [](const char* source) {
    std::string names;
    for (const Emission& e : Translate(source).result.emissions) names += std::string(e.stencil->name) + " ";
    return names;
  };
  CHECK(raw("def f(a):\n b = a\n return 1\n") ==
        "clear_locals_1 resume store_L load_C_immortal return_R_2 ");
  CHECK(raw("def f(a):\n b = a\n return a\n") == "clear_locals_1 resume store_L return_L_1 ");
  CHECK(raw("def f(a):\n del a\n return 1\n") == "resume handler load_C_immortal return_R_1 ");
  CHECK(raw("def f(a, b, c): return b\n") == "resume return_L_bound_2 ");
  Translated t = Translate("def f(a, b, c): return b\n");
  const Emission& e = t.Find("return_L_bound_2");
  CHECK(e.a == t.LocalOffset(0));
  CHECK(e.b == t.LocalOffset(2));
  CHECK(e.d == t.LocalOffset(1));
  CHECK(raw("def f(a, b, c, d): return 1\n") == "resume load_C_immortal return_R_bound_4 ");
  CHECK(raw("def f(a, b, c, d, e):\n a = b\n del a\n return b\n") ==
        "resume store_L handler leave_frame load_M drop_local drop_local_bound drop_local_bound drop_local_bound return_R ");
  std::string many = "def f(a, b, c, d, e, f, g, h, i): return a\n";
  CHECK(raw(many.c_str()) == "resume load_L return_any_R ");
}

TEST_CASE("translator: a pending load is made before its local changes") {
  Translated t = Translate("def f(a, b): return a + (a := b)\n");
  CHECK(t.Names() == "resume spill_L store_L load_M int_add_RL return_R");
  CHECK(t.Find("spill_L").b == t.LocalOffset(0));
  CHECK(t.Find("spill_L").a == t.SlotOffset(0));
  CHECK(NamesOf("def f(a, b):\n a, b = b, a\n return a\n") == "resume spill_L store_L store_M return_L");
}

TEST_CASE("translator: state is canonical where ways meet") {
  // `a` lies under a value that comes from two blocks: it is in its slot on both ways, and so is the value.
  Translated t = Translate("def f(a, b, c):\n x = [a, b if c else c]\n y = x\n z = y\n return z\n");
  CHECK(t.Blocks() ==
        "clear_locals_3 resume spill_L jump_if_false_L spill_L jump | spill_L "
        "| handler_R store_R store_L store_L return_L ");
  CHECK(t.Find("jump_if_false_L").a == t.LocalOffset(2));
  CHECK(t.PendingAt(t.Find("jump_if_false_L")) == "1:local2");  // only the operand
}

TEST_CASE("translator: loops start canonical and come back canonical") {
  Translated t = Translate("def f(n):\n s = 0\n for i in n:\n  s += i\n return s\n");
  CHECK(t.Blocks() ==
        "clear_locals_2 resume store_C spill_L get_iter spill_R "
        "| for_range store_R_int int_add_LL store_R_int jump_backward | return_L ");
  const Emission& loop = t.Find("for_range");
  CHECK(Translated::Chained(loop, {"for_range", "for_range_end", "for_list", "for_generator", "for_any", "cold_for"}));
  CHECK(loop.a == t.SlotOffset(0));
  CHECK(loop.target == t.result.blocks.back().unit);  // behind END_FOR and POP_TOP
  const Emission& back = t.Find("jump_backward");
  CHECK(back.target == t.result.blocks[1].unit);
  CHECK(t.SiteOf(back).flags == kEntryCheck);
  CHECK(t.PendingAt(back) == "");
  Translated range = Translate("def f(n):\n for i in range(n):\n  n += i\n");
  const Emission& shortcut = range.Find("for_range_local");
  CHECK(shortcut.a == range.Find("for_range").a);
  CHECK(shortcut.b == range.LocalOffset(1));
  CHECK(shortcut.b == range.Find("store_R_int").a);
  bool block = false;
  for (const BlockStart& start : range.result.blocks) block = block || start.unit == shortcut.target;
  CHECK(block);
  CHECK(t.result.loop_weight > 0);
  CHECK(t.result.entry_weight + t.result.loop_weight <= t.result.bytecodes + 1);
}

TEST_CASE("translator: comparisons are fused with the jump on them") {
  Translated t = Translate("def f(a, b):\n if a < b: return 1\n return 2\n");
  CHECK(t.Blocks() == "resume int_jump_ge_LL load_C_immortal return_R | load_C_immortal return_R ");
  const Emission& jump = t.Find("int_jump_ge_LL");
  // Floats keep the relation and negate the jump: not (a < b) is not a >= b when one is a NaN.
  Translated loop = Translate("def f(a, b):\n while a:\n  if a < b: return 1\n");
  CHECK(Translated::Chained(loop.Find("int_jump_ge_LL"),
                            {"int_jump_ge_LL", "float_jumpnot_lt_LL", "wide_jump_ge_LL", "compare_jumpnot_LL"}));
  const Site& site = t.SiteOf(jump);
  CHECK(site.popped == 2);
  CHECK(site.next > site.instr);
  CHECK(jump.target == t.result.blocks[1].unit);
  CHECK(NamesOf("def f(a, b):\n if not a < b: return 1\n return 2\n").find("int_jump_lt_LL") != std::string::npos);
  CHECK(NamesOf("def f(a, b): return a < b\n") == "resume int_bool_lt_LL return_R");
}

TEST_CASE("translator: a constant on the left is compared mirrored") {
  Translated t = Translate("def f(a):\n if 3 < a: return 1\n return 2\n");
  const Emission& jump = t.Find("int_jump_le_LN");
  CHECK(Translated::Chained(jump, {"int_jump_le_LN", "compare_jumpnot_CL"}));
  Translated loop = Translate("def f(a):\n while a:\n  if 3 < a: return 1\n");
  CHECK(Translated::Chained(loop.Find("int_jump_le_LN"),
                            {"int_jump_le_LN", "float_jumpnot_gt_LF", "wide_jump_le_LN", "compare_jumpnot_CL"}));
  CHECK(jump.a == t.LocalOffset(0));
  CHECK(jump.c == 3);
}

TEST_CASE("translator: tests of truth, None and identity branch by themselves") {
  const std::string ends = "load_C_immortal return_R | load_C_immortal return_R ";
  CHECK(BlocksOf("def f(a):\n if a: return 1\n return 2\n") == "resume jump_if_false_L " + ends);
  CHECK(BlocksOf("def f(a):\n if not a: return 1\n return 2\n") == "resume jump_if_true_L " + ends);
  CHECK(BlocksOf("def f(a):\n if a is None: return 1\n return 2\n") == "resume jump_if_not_none_L " + ends);
  CHECK(BlocksOf("def f(a, b):\n if a is b: return 1\n return 2\n") == "resume jump_if_is_not_LL " + ends);
  Translated truth = Translate("def f(a):\n if a: return 1\n return 2\n");
  CHECK(Translated::Chained(truth.Find("jump_if_false_L"), {"jump_if_false_L", "jump_if_false_sized_L", "cold_branch"}));
  CHECK((truth.SiteOf(truth.Find("jump_if_false_L")).quick == QuickToBool));
}

TEST_CASE("translator: unspecialised subscripts end in a call, which goes on in the chain") {
  Translated t = Translate("def f(a, b): return a[b]\n");
  const Emission& get = t.Find("list_get_LL");
  CHECK(Translated::Chained(get, {"list_get_LL", "array_get_LL", "item_get_LL", "call_getitem_LL", "after_call", "cold_after_call"}));
  CHECK(get.returns_to_cold);
  CHECK(Translated::Chained(Translate("def f(a): return 'abc'[a]\n").Find("item_get_CL"), {"item_get_CL", "cold_slow"}));
}

TEST_CASE("translator: membership is a value, whatever comes next") {
  Translated in = Translate("def f(a, b):\n if a not in b: return 1\n return 2\n");
  CHECK(in.Find("item_contains_LL").c == 1);
  CHECK(Translated::Chained(in.Find("item_contains_LL"), {"item_contains_LL", "cold_slow"}));
  CHECK(NamesOf("def f(a): return a in (1, 2)\n") == "resume item_contains_LC return_R");
}

TEST_CASE("translator: attributes have a cell, and one link for all other forms") {
  Translated load = Translate("def f(a): return a.x.y\n");
  CHECK(load.Names() == "resume attr_value_L attr_value_R return_R");
  CHECK(Translated::Chained(load.Find("attr_value_L"), {"attr_value_L", "cold_attr_or_L", "call_attr_L", "after_call", "cold_after_call"}));
  CHECK(load.Find("attr_value_L").returns_to_cold);
  CHECK((load.SiteOf(load.Find("attr_value_L")).fill == FillAttr));
  CHECK(load.Find("attr_value_L").cell != load.Find("attr_value_R").cell);
  CHECK(load.result.cell_bytes == 2 * sizeof(PolyCell));
  CHECK(load.Find("attr_value_R").dispose != nullptr);  // the owner may die
  Translated store = Translate("def f(a, b): a.x = b + b\n");
  CHECK(Translated::Chained(store.Find("set_value_RL"), {"set_value_RL", "set_slot_RL", "cold_slow"}));
  CHECK(store.PendingAt(store.Find("set_value_RL")) == "0:acc 1:local0");
}

TEST_CASE("translator: calls have everything in slots but the last argument, a missing self is not stored") {
  CHECK(NamesOf("def f(g, a): return g(a)\n") == "resume spill_L spill_L call_any_plain after_call return_R");  // never run
  // Recursions are not for want of having run: they come when the first call is not through.
  CHECK(NamesOf("def f(a): return f(a)\n") == "resume load_global spill_R load_L call_plain_1R after_call return_R");
  CHECK(NamesOf("def f(o, a): return o.f(a)\n") == "resume method_values_L load_L call_method_2R after_call return_R");
  Translated plain = Translate("def f(g, a):\n while a: g(a)\n");
  const Emission& call = plain.Find("call_plain_1R");
  CHECK(Translated::Chained(call, {"call_plain_1R", "cold_argument", "call_any_plain"}));
  CHECK(plain.PendingAt(call) == "1:null");
  CHECK(call.a == plain.SlotOffset(0));
  CHECK(call.b == plain.SlotOffset(2));
  CHECK(call.c == 1);
  CHECK(call.d == plain.SlotOffset(2));
  CHECK(plain.SiteOf(call).flags == kPlainCall);
  Translated method = Translate("def f(o, a):\n while a: o.m(a)\n");
  CHECK(Translated::Chained(method.Find("method_values_L"), {"method_values_L", "cold_method_L"}));
  CHECK(method.Find("call_method_2R").b == method.SlotOffset(1));
  CHECK(method.PendingAt(method.Find("call_method_2R")) == "");
  CHECK(Translate("def f(g, a):\n while a: g(a, a, a, a, a)\n").Find("call_plain_n").c == 5);
  CHECK(NamesOf("def f(g, a): return g(k=a)\n") ==
        "resume spill_L spill_N spill_L spill_C call_any after_call return_R");
}

TEST_CASE("translator: globals come from cells") {
  Translated t = Translate("def f(a): return g(a)\n");
  CHECK(t.Names() == "resume load_global spill_R spill_L call_any_plain after_call return_R");
  CHECK(Translated::Chained(t.Find("load_global"), {"load_global", "cold_global"}));
  CHECK((t.SiteOf(t.Find("load_global")).fill == FillGlobal));
  CHECK((t.SiteOf(t.Find("load_global")).oparg & 1) == 0);  // the NULL for the call is static
}

TEST_CASE("translator: the cells of a closure are bound from the first instruction on") {
  // The function that Translate() takes is the inner one's maker here; its code is among the constants.
  Translated maker = Translate("def f(a, b):\n def g(x):\n  y = x\n  return a\n return g\n");
  PyObject* consts = maker.code()->co_consts;
  PyCodeObject* inner = nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(consts); i++) {
    if (PyCode_Check(PyTuple_GET_ITEM(consts, i))) inner = reinterpret_cast<PyCodeObject*>(PyTuple_GET_ITEM(consts, i));
  }
  REQUIRE(inner != nullptr);
  Workspace workspace;
  REQUIRE(DecodedCode::Decode(inner, &workspace.decoded).ok());
  REQUIRE(Translator(inner, workspace, {}).Run().ok());
  const std::vector<Emission>& emissions = workspace.translation.emissions;
  CHECK(std::string(emissions[0].stencil->name) == "clear_locals_1");  // y
  CHECK(std::string(emissions[1].stencil->name) == "copy_free_vars_1");
  CHECK(emissions[1].a == 2 * sizeof(PyObject*));
}

TEST_CASE("translator: a local that may be unbound is checked, unpacking goes to slots") {
  CHECK(NamesOf("def f(a):\n del a\n return a\n") == "resume handler check_local return_L");
  Translated t = Translate("def f(a):\n b, c = a\n return b\n");
  CHECK(t.Names() == "clear_locals_2 resume load_L unpack_tuple_2 store_M store_M return_L");
  CHECK(Translated::Chained(t.Find("unpack_tuple_2"), {"unpack_tuple_2", "unpack_list", "cold_slow"}));
}

TEST_CASE("translator: a growing string keeps its only reference") {
  Translated t = Translate("def f(a, b):\n a += b\n return a\n");
  CHECK((t.SiteOf(t.Find("int_add_LL")).flags & kAppendLocal) != 0);
  Translated other = Translate("def f(a, b):\n b = a + b\n return b\n");
  CHECK((other.SiteOf(other.Find("int_add_LL")).flags & kAppendLocal) == 0);
  Translated twice = Translate("def f(a):\n a += a\n return a\n");
  CHECK((twice.SiteOf(twice.Find("int_add_LL")).flags & kAppendLocal) == 0);
}

TEST_CASE("translator: exception handlers are blocks of their own, entered canonically") {
  Translated t = Translate("def f(a):\n try: return a.x\n except KeyError: return 1\n");
  auto decoded = DecodedCode::Decode(t.code());
  REQUIRE(decoded.ok());
  for (const ExceptionRange& range : decoded->exceptions()) {
    bool found = false;
    for (const BlockStart& block : t.result.blocks) found = found || block.unit == range.target;
    CHECK_MESSAGE(found, "no block for the handler at ", range.target);
  }
}

TEST_CASE("translator: locals that are no arguments start unbound") {
  CHECK(NamesOf("def f(a, *b, c, **d): return a\n") == "resume return_L");
  Translated t = Translate("def f(a, *b):\n c = d = 1\n return a\n");
  CHECK(t.Find("clear_locals_2").a == t.LocalOffset(2));
  Translated many = Translate("def f():\n a = b = c = d = e = g = h = 1\n");  // 7: there is no such form
  CHECK(many.Find("clear_locals").a == many.LocalOffset(0));
  CHECK(many.Find("clear_locals").b == many.LocalOffset(7));
}

TEST_CASE("translator: a generator is entered again behind each yield") {
  Translated t = Translate("def f(a):\n b = yield a\n return b\n");
  CHECK(t.Blocks() ==
        "clear_locals_1 make_generator | enter pop_M resume load_L yield_R | enter resume_yield store_M load_L "
        "return_generator_R | handler_R spill_R handler ");
  REQUIRE(t.result.resume_points.size() == 2);
  for (const ResumePoint& point : t.result.resume_points) {
    const Emission& e = t.result.emissions[static_cast<size_t>(point.emission)];
    CHECK(e.stencil == Stencils().enter);
    CHECK(e.entered);
    CHECK(e.instr == point.unit);
  }
  CHECK(t.Find("make_generator").p < t.Find("yield_R").p);
  CHECK(t.Find("yield_R").a == 2);
}

TEST_CASE("translator: delegation sends until the other side returns") {
  Translated t = Translate("def f(a):\n return (yield from a)\n");
  CHECK(t.Blocks().find("| send yield_from_R | enter resume_yield jump") != std::string::npos);
  const Emission& send = t.Find("send");
  CHECK(send.after_call == Stencils().after_send);
  CHECK(send.b == send.a + 8);
}

TEST_CASE("translator: what is refused ends with its reason") {
  Prepare();
  Ref code(Py_CompileString("x = 1\n", "refused", Py_file_input));
  CHECK(CanCompile(reinterpret_cast<PyCodeObject*>(code.get())).message().substr(0, 7) == "TJ-103:");
  CHECK(CanCompile(CodeOfFunction(FunctionFrom("async def f(): yield 1\n"))).ok());
}

}  // namespace
}  // namespace tierjit::tier1
