# How penstock itself is built by those who work on it: compiler cache, warnings, sanitizers.

find_program(PENSTOCK_CCACHE ccache DOC "Compiler cache, used if found")
if(PENSTOCK_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PENSTOCK_CCACHE})
endif()

# Not -Wconversion: system calls mix int, size_t and ssize_t, and the casts would hide more than the warnings find.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Werror)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC takes a file that another includes for a header, where a type without linkage would be a mistake.
  add_compile_options(-Wno-subobject-linkage)
endif()

set(PENSTOCK_SANITIZE "" CACHE STRING "Sanitizer: empty, address (with undefined) or thread")
set_property(CACHE PENSTOCK_SANITIZE PROPERTY STRINGS "" address thread)
if(PENSTOCK_SANITIZE STREQUAL "address")
  # Not vptr: to see whether an object can be looked at its run time opens a pipe, and where none is to be had, as in the
  # tests of exhausted descriptors, it takes the object for a broken one.
  set(sanitizer_flags -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all)
elseif(PENSTOCK_SANITIZE STREQUAL "thread")
  set(sanitizer_flags -fsanitize=thread)
elseif(PENSTOCK_SANITIZE)
  message(FATAL_ERROR "PENSTOCK_SANITIZE is '${PENSTOCK_SANITIZE}'; it may be empty, address or thread")
endif()
if(PENSTOCK_SANITIZE)
  add_compile_options(${sanitizer_flags})
  add_link_options(${sanitizer_flags})

  # The options of the sanitizers' run time, compiled into every program rather than set by whoever starts it:
  # a program started by a script of a test, or by hand, behaves alike.
  find_program(PENSTOCK_SYMBOLIZER NAMES llvm-symbolizer-19 llvm-symbolizer)
  add_library(penstock_sanitizer_options OBJECT ${CMAKE_CURRENT_LIST_DIR}/sanitizer_options.cpp)
  target_compile_definitions(penstock_sanitizer_options PRIVATE
    PENSTOCK_SYMBOLIZER="$<IF:$<BOOL:${PENSTOCK_SYMBOLIZER}>,${PENSTOCK_SYMBOLIZER},>")
endif()

# penstock_program(TARGET FOLDER [LIBRARY target] source...)
#
# Every program of the repository is added through this one, so that none forgets the options above. LIBRARY is what it
# links instead of the library.
function(penstock_program TARGET FOLDER)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "LIBRARY" "")
  if(NOT arg_LIBRARY)
    set(arg_LIBRARY penstock::penstock)
  endif()
  add_executable(${TARGET} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${TARGET} PRIVATE ${arg_LIBRARY})
  if(TARGET penstock_sanitizer_options)
    target_link_libraries(${TARGET} PRIVATE penstock_sanitizer_options)
  endif()
  set_target_properties(${TARGET} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin/${FOLDER})
  set_property(GLOBAL APPEND PROPERTY PENSTOCK_PROGRAMS ${TARGET})
endfunction()
