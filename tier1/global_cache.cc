#include "tier1/global_cache.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "runtime/watch/watchers.h"

namespace tierjit::tier1 {
namespace {

// A cell of either kind; clearing it sends its site to the slow path.
struct Watched {
  GlobalCell* global;
  AttrCell* attr;
  void Clear() const {
    if (global != nullptr) global->value = nullptr;
    if (attr != nullptr) attr->owner = nullptr;
  }
  bool operator==(const Watched& o) const { return global == o.global && attr == o.attr; }
};

struct Binding {
  std::vector<Watched> cells;
  uint32_t changes = 0;
};
// By interned name. (Not abseil's: an insertion that gets no memory leaves that broken.)
using Bindings = std::unordered_map<PyObject*, Binding>;
// A name that changes more often than this is looked up each time.
constexpr uint32_t kMaxChanges = 64;

std::unordered_map<PyObject*, Bindings>& Dicts() {
  static auto* dicts = new std::unordered_map<PyObject*, Bindings>;
  return *dicts;
}

// Names whose changes nobody need be told of: no cell holds their value, because none has asked for it or because it changes too often.
// Module bodies store into watched dicts all the time, and these are noticed here instead of through the dict's watcher.
struct Unheeded {
  PyObject *dict, *name;
};
constexpr size_t kUnheeded = 1024;
Unheeded g_unheeded[kUnheeded];

Unheeded& UnheededAt(PyObject* dict, PyObject* name) {
  return g_unheeded[(reinterpret_cast<uintptr_t>(dict) >> 4 ^ reinterpret_cast<uintptr_t>(name) >> 4) % kUnheeded];
}

}  // namespace

bool IsUnheeded(PyObject* dict, PyObject* name) {
  const Unheeded& unheeded = UnheededAt(dict, name);
  return unheeded.dict == dict && unheeded.name == name;
}

namespace {

// NULL when the dict cannot be watched or the name changes too often. Else the caller adds a cell, which is to be told of changes.
Binding* BindingOf(PyObject* dict, PyObject* name) {
  auto it = Dicts().find(dict);
  if (it == Dicts().end()) {
    if (!WatchDict(dict).ok()) return nullptr;
    it = Dicts().emplace(dict, Bindings()).first;
  }
  Binding& binding = it->second[name];
  if (binding.changes >= kMaxChanges) return nullptr;
  if (IsUnheeded(dict, name)) UnheededAt(dict, name) = Unheeded{};
  return &binding;
}

void ForgetUnheeded(PyObject* dict) {
  for (Unheeded& u : g_unheeded) {
    if (u.dict == dict) u = Unheeded{};
  }
}

void ClearAll(Bindings& bindings) {
  for (auto& entry : bindings) {
    for (const Watched& w : entry.second.cells) w.Clear();
    entry.second.cells.clear();
  }
}

void Forget(PyObject* dict, PyObject* name, const Watched& gone) {
  auto bindings = Dicts().find(dict);
  if (bindings == Dicts().end()) return;
  auto binding = bindings->second.find(name);
  if (binding == bindings->second.end()) return;
  std::vector<Watched>& cells = binding->second.cells;
  cells.erase(std::remove(cells.begin(), cells.end(), gone), cells.end());
}

// Name cells are interned strings; other keys of equal value are rare enough to clear everything.
bool CanBeAnyName(PyObject* key) { return !PyUnicode_CheckExact(key) || !PyUnicode_CHECK_INTERNED(key); }

// A dict in which a name is found without foreign code.
bool IsNamespace(PyObject* dict) {
  return PyDict_CheckExact(dict) && reinterpret_cast<PyDictObject*>(dict)->ma_keys->dk_kind != DICT_KEYS_GENERAL;
}

}  // namespace

PyObject* WatchGlobalCell(PyObject* globals, PyObject* builtins, PyObject* name, GlobalCell* cell) {
  if (!IsNamespace(globals) || !IsNamespace(builtins)) return nullptr;
  PyObject* value = PyDict_GetItemWithError(globals, name);
  bool in_globals = value != nullptr;
  if (!in_globals) value = PyDict_GetItemWithError(builtins, name);
  if (value == nullptr) return nullptr;
  Binding* first = BindingOf(globals, name);
  if (first == nullptr) return nullptr;
  first->cells.push_back({cell, nullptr});
  if (!in_globals) {
    Binding* second = BindingOf(builtins, name);
    if (second == nullptr) {
      first->cells.pop_back();
      return nullptr;
    }
    second->cells.push_back({cell, nullptr});
  }
  cell->value = value;
  return value;
}

bool WatchModuleCell(PyObject* dict, PyObject* name, AttrCell* cell) {
  Binding* binding = BindingOf(dict, name);
  if (binding == nullptr) return false;
  binding->cells.push_back({nullptr, cell});
  return true;
}

void ForgetCell(const WatchedCell& cell) {
  Forget(cell.dict, cell.name, {cell.global, cell.attr});
  if (cell.fallback != nullptr) Forget(cell.fallback, cell.name, {cell.global, cell.attr});
}

void NoteDictChange(PyDict_WatchEvent event, PyObject* dict, PyObject* key, PyObject*) {
  if (key != nullptr && IsUnheeded(dict, key)) return;
  auto it = Dicts().find(dict);
  if (it == Dicts().end()) return;
  if (key == nullptr || CanBeAnyName(key)) {
    ClearAll(it->second);
    if (event == PyDict_EVENT_DEALLOCATED) {
      ForgetUnheeded(dict);
      Dicts().erase(it);
    }
    return;
  }
  UnheededAt(dict, key) = {dict, key};
  auto binding = it->second.find(key);
  if (binding == it->second.end()) return;
  ++binding->second.changes;
  for (const Watched& w : binding->second.cells) w.Clear();
  binding->second.cells.clear();
}

void ForgetDicts() {
  for (auto& dict : Dicts()) ClearAll(dict.second);
  Dicts().clear();
  for (Unheeded& u : g_unheeded) u = Unheeded{};
}

}  // namespace tierjit::tier1
