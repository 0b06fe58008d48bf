"""Corrects defects of the packaged MIR, and fits it to our calls: copies one source file, with the replacements that belong to it.

usage: errata.py INPUT OUTPUT. Each text to replace must occur exactly once, so that another release of MIR cannot be
changed by accident: then the entry is to be checked again, or has become superfluous.
"""

import sys
from pathlib import Path

# file -> [(what is wrong, text, replacement)]
ERRATA = {
    "mir.c": [
        ("x * 1 with overflow check became a move, which leaves the branch on overflow without flags",
         "code == MIR_MUL || code == MIR_MULS || code == MIR_MULO || code == MIR_MULOS\n",
         "code == MIR_MUL || code == MIR_MULS\n"),
        ("not a defect: we ask for `use`, see CallRecorded() in tier2/mir/function.h",
         "    if (code == MIR_PHI || code == MIR_USE) {\n      curr_func = NULL;\n",
         "    if (code == MIR_PHI) {\n      curr_func = NULL;\n"),
        ("not a defect: registers are numbered as they are described, for want of global ones, so the number is the index: no table,",
         """  htab_res = HTAB_DO (size_t, func_regs->reg2rdn_tab, rdn, HTAB_INSERT, tab_rdn);
  mir_assert (!htab_res);
  return reg;
""",
         "  mir_assert (reg == rdn);\n  return reg;\n"),
        ("descriptions go with their registers,",
         """    res_p &= HTAB_DO (size_t, func_regs->reg2rdn_tab, rdn, HTAB_DELETE, tab_rdn);
    mir_assert (res_p);
""",
         """    mir_assert (res_p && rdn + 1 == VARR_LENGTH (reg_desc_t, func_regs->reg_descs));
    VARR_POP (reg_desc_t, func_regs->reg_descs);
"""),
        ("and finding one, a tenth of the time that compiling took, is a subscript",
         """  size_t rdn, temp_rdn;
  reg_desc_t rd;

  rd.reg = reg;
  rd.name = NULL;
  rd.type = MIR_T_I64; /* to eliminate warnings */
  temp_rdn = VARR_LENGTH (reg_desc_t, func_regs->reg_descs);
  VARR_PUSH (reg_desc_t, func_regs->reg_descs, rd);
  if (!HTAB_DO (size_t, func_regs->reg2rdn_tab, temp_rdn, HTAB_FIND, rdn)) {
    VARR_POP (reg_desc_t, func_regs->reg_descs);
    MIR_get_error_func (ctx) (MIR_undeclared_func_reg_error, "undeclared reg %u of func %s", reg,
                              func->name);
  }
  VARR_POP (reg_desc_t, func_regs->reg_descs);
  return &VARR_ADDR (reg_desc_t, func_regs->reg_descs)[rdn];
""",
         """
  if (reg == 0 || reg >= VARR_LENGTH (reg_desc_t, func_regs->reg_descs))
    MIR_get_error_func (ctx) (MIR_undeclared_func_reg_error, "undeclared reg %u of func %s", reg,
                              func->name);
  return &VARR_ADDR (reg_desc_t, func_regs->reg_descs)[reg];
"""),
    ],
    "mir-x86_64.h": [
        ("not a defect: without a frame pointer, its register is one like others,",
         "  return (hard_reg == BP_HARD_REG || hard_reg == SP_HARD_REG || hard_reg == TEMP_INT_HARD_REG1\n",
         "  return (hard_reg == SP_HARD_REG || hard_reg == TEMP_INT_HARD_REG1\n"),
    ],
    "mir-gen-x86_64.c": [
        ("not a defect: sizes and order of the patterns are always the same, so they are found once; threads that do it at once agree",
         """  VARR_CREATE (int, pattern_indexes, 0);
  for (i = 0; i < n; i++) {
    patterns[i].max_insn_size = get_max_insn_size (gen_ctx, patterns[i].replacement);
""",
         """  static int order[sizeof (patterns) / sizeof (struct pattern)], known_p;
  int was_known_p = __atomic_load_n (&known_p, __ATOMIC_ACQUIRE);

  VARR_CREATE (int, pattern_indexes, n);
  for (i = 0; i < n; i++) {
    if (was_known_p) {
      VARR_PUSH (int, pattern_indexes, order[i]);
      continue;
    }
    __atomic_store_n (&patterns[i].max_insn_size, get_max_insn_size (gen_ctx, patterns[i].replacement), __ATOMIC_RELAXED);
"""),
        ("sorted once,",
         "  qsort (VARR_ADDR (int, pattern_indexes), n, sizeof (int), pattern_index_cmp);\n",
         """  if (!was_known_p) {
    qsort (VARR_ADDR (int, pattern_indexes), n, sizeof (int), pattern_index_cmp);
    for (i = 0; i < n; i++) __atomic_store_n (&order[i], VARR_GET (int, pattern_indexes, i), __ATOMIC_RELAXED);
    __atomic_store_n (&known_p, 1, __ATOMIC_RELEASE);
  }
"""),
        ("not a defect: some xmm registers survive calls, see tier2/mir/saving_call.h, and what may be a frame pointer always did",
         "  return !(hard_reg == BX_HARD_REG || (hard_reg >= R12_HARD_REG && hard_reg <= R15_HARD_REG));\n",
         "  return !(hard_reg == BX_HARD_REG || hard_reg == BP_HARD_REG || (hard_reg >= R12_HARD_REG && hard_reg <= R15_HARD_REG)\n"
         "           || (hard_reg >= XMM2_HARD_REG && hard_reg <= XMM7_HARD_REG)\n"
         "           || (hard_reg >= XMM10_HARD_REG && hard_reg <= XMM15_HARD_REG));\n"),
        ("hence they are counted,",
         """#ifdef _WIN32
  for (; i <= XMM15_HARD_REG; i++)
    if (!target_call_used_hard_reg_p ((MIR_reg_t) i, MIR_T_UNDEF)
        && bitmap_bit_p (used_hard_regs, i))
      saved_hard_regs_size += 16;
#endif
""",
         """  for (; i <= XMM15_HARD_REG; i++)
    if (!target_call_used_hard_reg_p ((MIR_reg_t) i, MIR_T_UNDEF)
        && bitmap_bit_p (used_hard_regs, i))
      saved_hard_regs_size += 8;
"""),
        ("saved",
         """#ifdef _WIN32
  for (i = XMM0_HARD_REG; i <= XMM15_HARD_REG; i++)
    if (!target_call_used_hard_reg_p ((MIR_reg_t) i, MIR_T_UNDEF)
        && bitmap_bit_p (used_hard_regs, i)) {
      new_insn = _MIR_new_unspec_insn (ctx, 3, MIR_new_int_op (ctx, MOVDQA_CODE),
                                       _MIR_new_var_mem_op (ctx, MIR_T_D, offset, base_reg,
                                                            MIR_NON_VAR, 1),
                                       _MIR_new_var_op (ctx, (MIR_reg_t) i));
      gen_add_insn_before (gen_ctx, anchor, new_insn); /* disp(bp|sp) = saved hard reg */
      offset += 16;
    }
#endif
""",
         """  for (i = XMM0_HARD_REG; i <= XMM15_HARD_REG; i++)
    if (!target_call_used_hard_reg_p ((MIR_reg_t) i, MIR_T_UNDEF)
        && bitmap_bit_p (used_hard_regs, i)) {
      gen_mov (gen_ctx, anchor, MIR_DMOV,
               _MIR_new_var_mem_op (ctx, MIR_T_D, offset, base_reg, MIR_NON_VAR, 1),
               _MIR_new_var_op (ctx, (MIR_reg_t) i));
      offset += 8;
    }
"""),
        ("and restored",
         """#ifdef _WIN32
  for (i = XMM0_HARD_REG; i <= XMM15_HARD_REG; i++)
    if (!target_call_used_hard_reg_p ((MIR_reg_t) i, MIR_T_UNDEF)
        && bitmap_bit_p (used_hard_regs, i)) {
      new_insn = _MIR_new_unspec_insn (ctx, 3, MIR_new_int_op (ctx, MOVDQA_CODE),
                                       _MIR_new_var_op (ctx, (MIR_reg_t) i),
                                       _MIR_new_var_mem_op (ctx, MIR_T_D, offset, base_reg,
                                                            MIR_NON_VAR, 1));
      gen_add_insn_before (gen_ctx, anchor, new_insn); /* hard reg = disp(bp|sp) */
      offset += 16;
    }
#endif
""",
         """  for (i = XMM0_HARD_REG; i <= XMM15_HARD_REG; i++)
    if (!target_call_used_hard_reg_p ((MIR_reg_t) i, MIR_T_UNDEF)
        && bitmap_bit_p (used_hard_regs, i)) {
      gen_mov (gen_ctx, anchor, MIR_DMOV, _MIR_new_var_op (ctx, (MIR_reg_t) i),
               _MIR_new_var_mem_op (ctx, MIR_T_D, offset, base_reg, MIR_NON_VAR, 1));
      offset += 8;
    }
"""),
        ("moves of 0 changed the flags, also between an overflow operation and its branch",
         """  {MIR_MOV, "r z", "Y 33 r0 R0", 0},      /* xor r0,r0 -- 32 bit xor */\n""",
         """  {MIR_MOV, "r z", "Y C7 /0 R0 I1", 0},   /* mov r0,0 -- 32 bit mov */\n"""),
        ("not a defect: cvtsi2sd keeps half of the register, so it waited for whatever that held before,",
         """"F2 X 0F 2A r0 R1", 0},                  /* cvtsi2sd r0,r1 */""",
         """"Y 0F 57 r0 R0; F2 X 0F 2A r0 R1", 0},   /* xorps r0,r0; cvtsi2sd r0,r1 */"""),
        ("from memory as well",
         """"F2 X 0F 2A r0 m1", 0},                 /* cvtsi2sd r0,m1 */""",
         """"Y 0F 57 r0 R0; F2 X 0F 2A r0 m1", 0},  /* xorps r0,r0; cvtsi2sd r0,m1 */"""),
        ("32-bit shifts used 64-bit memory operands",
         "  SHOP0 (ICODE, , X, CL_OP_CODE, I8_OP_CODE) \\\n  SHOP0 (ICODE, S, Y, CL_OP_CODE, I8_OP_CODE)\n",
         "  SHOP0 (ICODE, , X, CL_OP_CODE, I8_OP_CODE)\n"
         "#define SHOPS(ICODE, CL_OP_CODE, I8_OP_CODE)                 \\\n"
         "  {ICODE, \"r 0 h1\", \"Y \" CL_OP_CODE \" R0\", 0},         \\\n"
         "    {ICODE, \"m2 0 h1\", \"Y \" CL_OP_CODE \" m0\", 0},      \\\n"
         "    {ICODE, \"r 0 i0\", \"Y \" I8_OP_CODE \" R0 i2\", 0},    \\\n"
         "    {ICODE, \"m2 0 i0\", \"Y \" I8_OP_CODE \" m0 i2\", 0},\n"),
        ("the same, where the patterns are listed",
         "  SHOP (MIR_URSH, \"D3 /5\", \"C1 /5\")                                 /* logical shifts */\n",
         "  SHOP (MIR_URSH, \"D3 /5\", \"C1 /5\")\n"
         "  SHOPS (MIR_LSHS, \"D3 /4\", \"C1 /4\") SHOPS (MIR_RSHS, \"D3 /7\", \"C1 /7\")\n"
         "  SHOPS (MIR_URSHS, \"D3 /5\", \"C1 /5\")\n"),
        ("not a defect: where the operands of `use` are is told",
         "    } else if (insn->code != MIR_USE) {\n      ind = VARR_GET (int, insn_pattern_indexes, n++);\n",
         "    } else if (insn->code == MIR_USE) {\n      TakeUse (gen_ctx, insn, VARR_LENGTH (uint8_t, result_code));\n"
         "    } else {\n      ind = VARR_GET (int, insn_pattern_indexes, n++);\n"),
    ],
    "mir-gen.c": [
        ("the frame pointer's register is one like others where there is none",
         """  bitmap_clear (func_used_hard_regs);
  if (!simplified_p) HTAB_CLEAR""",
         """  if (target_get_stack_slot_base_reg (gen_ctx) == FP_HARD_REG)
    for (j = 0; j <= curr_point; j++) {
      bitmap_set_bit_p (used_locs_addr[j], FP_HARD_REG);
      if (!simplified_p) bitmap_set_bit_p (busy_used_locs_addr[j], FP_HARD_REG);
    }
  bitmap_clear (func_used_hard_regs);
  if (!simplified_p) HTAB_CLEAR"""),
        ("value numbering put constants between an overflow operation and its branch: `mov r, 0` changed the flags",
         "      if (const_p) {\n        ccp_insns_num++;\n",
         "      if (const_p && !MIR_overflow_insn_code_p (insn->code)) {\n        ccp_insns_num++;\n"),
        ("overflow operations were moved out of loops, away from their branch; `use` stays at its call",
         "|| insn->code == MIR_UMOD || insn->code == MIR_UMODS)\n    return FALSE;\n",
         "|| insn->code == MIR_UMOD || insn->code == MIR_UMODS\n"
         "      || insn->code == MIR_USE || MIR_overflow_insn_code_p (insn->code))\n    return FALSE;\n"),
        ("overflow operations with an unused result were removed when some kind of move stood before their branch",
         "    else if (bb_insn->insn->code != MIR_MOV && bb_insn->insn->code != MIR_EXT32\n"
         "             && bb_insn->insn->code != MIR_UEXT32)\n",
         "    else if (!move_code_p (bb_insn->insn->code)\n"
         "             && !(MIR_EXT8 <= bb_insn->insn->code && bb_insn->insn->code <= MIR_UEXT32))\n"),
        ("extensions of themselves, as there are in unreachable loops, were followed for ever or to a null pointer",
         "      se = insn->ops[1].data;\n      def_insn = se->def->insn;\n      if (cmp_res64_p (def_insn->code)) {\n",
         "      se = insn->ops[1].data;\n      def_insn = se->def->insn;\n      if (def_insn == insn) continue;\n"
         "      if (cmp_res64_p (def_insn->code)) {\n"),
        ("the same for cycles of extensions; one look is enough, as definitions have been looked at before",
         """        next_bb_insn = bb_insn; /* process ext again */
        continue;
      } else if (w2 != 0 && w2 < w""",
         """        continue;
      } else if (w2 != 0 && w2 < w"""),
        ("and again",
         """        next_bb_insn = bb_insn; /* process ext again */
        continue;
      }
      if (!sign_p &&""",
         """        continue;
      }
      if (!sign_p &&"""),
        ("exchanged operands kept the number of their old place",
         "          SWAP (def_insn->ops[1], def_insn->ops[2], temp_op);\n        if ((se2",
         """          {
            SWAP (def_insn->ops[1], def_insn->ops[2], temp_op);
            for (int n = 1; n <= 2; n++)
              if (def_insn->ops[n].data != NULL) ((ssa_edge_t) def_insn->ops[n].data)->use_op_num = n;
          }
        if ((se2"""),
        ("a reload after a narrow store got the stored value without truncation and extension",
         "                || (mem_insn->ops[1].mode == MIR_OP_VAR_MEM && mem_insn->ops[0].data == NULL)) {\n",
         "                || (mem_insn->ops[1].mode == MIR_OP_VAR_MEM && mem_insn->ops[0].data == NULL)\n"
         "                || (op_ref == &mem_insn->ops[0] && op_ref->u.var_mem.type < MIR_T_I64)) {\n"),
        ("cycles of moves, as there are in unreachable loops, were followed for ever",
         "  while (insn->code == MIR_MOV && insn->ops[1].mode == MIR_OP_VAR) {\n",
         "  for (int n = 0; n < 30 && insn->code == MIR_MOV && insn->ops[1].mode == MIR_OP_VAR; n++) {\n"),
        ("instructions that use each other's results, as there are in unreachable loops, were deleted twice",
         "      if (ssa_dead_insn_p (gen_ctx, bb_insn)) VARR_PUSH (bb_insn_t, temp_bb_insns, bb_insn);\n",
         "      if (ssa_dead_insn_p (gen_ctx, bb_insn)) {\n"
         "        VARR_PUSH (bb_insn_t, temp_bb_insns, bb_insn);\n"
         "        bitmap_set_bit_p (temp_bitmap, bb_insn->index);\n"
         "      }\n"),
        ("the same, where more are found",
         "      if (ssa_dead_insn_p (gen_ctx, def)) VARR_PUSH (bb_insn_t, temp_bb_insns, def);\n",
         "      if (!bitmap_bit_p (temp_bitmap, def->index) && ssa_dead_insn_p (gen_ctx, def)) {\n"
         "        VARR_PUSH (bb_insn_t, temp_bb_insns, def);\n"
         "        bitmap_set_bit_p (temp_bitmap, def->index);\n"
         "      }\n"),
        ("the same, where they begin to be found",
         "  long dead_insns_num = 0;\n\n"
         "  DEBUG (2, { fprintf (debug_file, \"+++++++++++++Dead code elimination:\\n\"); });\n"
         "  VARR_TRUNC",
         "  long dead_insns_num = 0;\n\n"
         "  bitmap_clear (temp_bitmap);\n"
         "  VARR_TRUNC"),
        ("exchanged operands of an addition without a second definition went through a null pointer",
         "          se->use_op_num = 2;\n          se2->use_op_num = 1;\n",
         "          se->use_op_num = 2;\n          if (se2 != NULL) se2->use_op_num = 1;\n"),
        ("what it costs to spill a register in a gap, and to reload it behind, was told without regard to how often a loop turns",
         "  int cost_factor = LOOP_COST_FACTOR / 2;\n",
         "  int powers[8] = {0, 1};\n"
         "  for (int i = 2; i < 8; i++) powers[i] = powers[i - 1] * LOOP_COST_FACTOR;\n"),
        ("the same, where ways lead out of the gap",
         """          && (level = bb_loop_level (e->dst) + 1) > max_level)
        max_level = level;
    if (max_level >= 0) cost += (max_level < bb_level ? max_level : bb_level) * cost_factor;
""",
         """          && (level = bb_loop_level (e->dst) + 1) > max_level)
        max_level = level;
    if (max_level > bb_level) max_level = bb_level;
    if (max_level >= 0) cost += powers[max_level < 7 ? max_level : 7];
"""),
        ("the same, where ways lead into the gap",
         """          && (level = bb_loop_level (e->src) + 1) > max_level)
        max_level = level;
    if (max_level >= 0) cost += (max_level < bb_level ? max_level : bb_level) * cost_factor;
""",
         """          && (level = bb_loop_level (e->src) + 1) > max_level)
        max_level = level;
    if (max_level > bb_level) max_level = bb_level;
    if (max_level >= 0) cost += powers[max_level < 7 ? max_level : 7];
"""),
        ("not a defect: which blocks are cold, that is behind the label where Function's cold section begins, is told;",
         "  unsigned char reachable_p;   /* reachable if its label is used as value */\n",
         "  unsigned char reachable_p;   /* reachable if its label is used as value */\n  unsigned char cold_p;\n"),
        ("hot as they are made,",
         "  bb->call_p = bb->flag = bb->reachable_p = FALSE;\n",
         "  bb->call_p = bb->flag = bb->reachable_p = bb->cold_p = FALSE;\n"),
        ("they are told by their order,",
         "        bb = create_bb (gen_ctx, next_insn);\n      add_new_bb (gen_ctx, bb);\n",
         "        bb = create_bb (gen_ctx, next_insn);\n      add_new_bb (gen_ctx, bb);\n"
         "      bb->cold_p = prev_bb->cold_p || (next_insn->code == MIR_LABEL && TierjitMirBeginsCold (next_insn->ops[0].u.i));\n"),
        ("and registers are spilled there rather than in the loop around",
         "  int level = -1;\n\n  for (loop_node = bb->loop_node; loop_node->parent",
         "  int level = -1;\n\n  if (bb->cold_p) return 0;\n  for (loop_node = bb->loop_node; loop_node->parent"),
        ("not a defect: what loops do is worth ten times as much,",
         "#define LOOP_COST_FACTOR 5\n",
         "#define LOOP_COST_FACTOR 10\n"),
        ("not a defect: registers are restored on the way back from cold code behind that, not in front of where the way leads",
         "  } else { /* critical non-fall through edge: */\n    gen_assert (first_insn->code == MIR_LABEL);\n",
         """  } else if (src->cold_p && last_insn->code != MIR_SWITCH) {
    gen_assert (first_insn->code == MIR_LABEL && last_insn->ops[0].mode == MIR_OP_LABEL
                && last_insn->ops[0].u.label == first_insn);
    insn = MIR_new_label (ctx);
    tail_insn = MIR_new_insn (ctx, MIR_JMP, MIR_new_label_op (ctx, first_insn));
    MIR_append_insn (ctx, curr_func_item, insn);
    MIR_append_insn (ctx, curr_func_item, tail_insn);
    new_bb = create_bb (gen_ctx, insn);
    add_new_bb_insn (gen_ctx, tail_insn, new_bb, TRUE);
    new_bb->cold_p = TRUE;
    add_new_bb (gen_ctx, new_bb);
    DLIST_REMOVE (in_edge_t, dst->in_edges, e);
    e->dst = new_bb;
    DLIST_APPEND (in_edge_t, new_bb->in_edges, e);
    create_edge (gen_ctx, new_bb, dst, FALSE, TRUE);
    last_insn->ops[0] = MIR_new_label_op (ctx, insn);
  } else { /* critical non-fall through edge: */
    gen_assert (first_insn->code == MIR_LABEL);
"""),
        ("uses outside of a loop were moved before it",
         "        if (loop_invariant_p (gen_ctx, loop, se->use, loop_invariant_bb_insn_bitmap)\n",
         "        if (se->use->bb->loop_node->parent == loop\n"
         "            && loop_invariant_p (gen_ctx, loop, se->use, loop_invariant_bb_insn_bitmap)\n"),
        ("a second register for addresses of stack slots was reserved, never used on x86-64, at times not to be had",
         "    = (out_p || type != MIR_T_I64 ? get_reload_hreg (gen_ctx, MIR_NON_VAR, MIR_T_I64, out_p)\n"
         "                                  : reload_hreg);\n",
         "    = reload_hreg;\n"),
        ("one register may stand in all three operands",
         "#define MAX_INSN_RELOAD_MEM_OPS 2\n",
         "#define MAX_INSN_RELOAD_MEM_OPS 3\n"),
        ("not a defect: a load of what others change is done each time: Mem::changes",
         "      bitmap_clear_bit_p (mem_av, nel);\n  }\n  bitmap_set_bit_p (mem_av, mem_bb_insn->mem_index);\n",
         "      bitmap_clear_bit_p (mem_av, nel);\n  }\n"
         "  if (mem_ref->u.var_mem.nonalias == 0) bitmap_set_bit_p (mem_av, mem_bb_insn->mem_index);\n"),
        ("not a defect: what we store is for others to see, so looking for dead stores, a tenth of the time that compiling took, is in vain",
         "    dse (gen_ctx);\n",
         "    if (FALSE) dse (gen_ctx);\n"),
        ("not a defect: operands of `use` need no registers, however many there are; of them none counts as a reload,",
         "          if (!out_p && VARR_GET (MIR_reg_t, reg_renumber, op->u.var) > MAX_HARD_REG\n",
         "          if (!out_p && insn->code != MIR_USE && VARR_GET (MIR_reg_t, reg_renumber, op->u.var) > MAX_HARD_REG\n"),
        ("and they stay in their stack slots",
         "      if (!MIR_addr_code_p (insn->code) && i == 0 && loc > MAX_HARD_REG\n",
         "      if (insn->code == MIR_USE && loc > MAX_HARD_REG) {\n"
         "        type = MIR_reg_type (ctx, op->u.var - MAX_HARD_REG, curr_func_item->u.func);\n"
         "        *op = _MIR_new_var_mem_op (ctx, type, target_get_stack_slot_offset (gen_ctx, type, loc - MAX_HARD_REG - 1),\n"
         "                                   base_reg, MIR_NON_VAR, 0);\n"
         "        break;\n"
         "      }\n"
         "      if (!MIR_addr_code_p (insn->code) && i == 0 && loc > MAX_HARD_REG\n"),
        ("leaving SSA lost copies in blocks that branch to themselves",
         """      for (se = insn->ops[0].data; se != NULL; se = se->next_use)
        if (se->use->bb != bb) break;
      if (se == NULL) { /* we should do this only after adding moves at the end of bbs */
        /* r=phi(...), all r uses in the same bb: change new_r = phi(...) and all uses by new_r */
        insn->ops[0].u.var = dest_var;
        change_ssa_edge_list_def (insn->ops[0].data, bb_insn, 0, var, dest_var);
      } else {
""",
         "      if (insn->ops[0].data != NULL) {\n"),
    ],
}


def correct(name: str, text: str) -> str:
    for reason, wrong, right in ERRATA.get(name, []):
        if text.count(wrong) != 1:
            sys.exit(f"{name}: found {text.count(wrong)} times, not once: {reason}")
        text = text.replace(wrong, right)
    return text


def main() -> None:
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    target.write_text(correct(source.name, source.read_text()))


if __name__ == "__main__":
    main()
