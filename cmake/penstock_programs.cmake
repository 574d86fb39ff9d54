# Programs beside the library. A folder that is absent or empty has no programs, which is no error.

# Those of models/ show one mechanism each, without the library.
file(GLOB examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.cpp ${PROJECT_SOURCE_DIR}/examples/models/*.cpp)
foreach(source IN LISTS examples)
  cmake_path(GET source STEM name)
  penstock_program(example_${name} examples ${source})
  set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name})
endforeach()

# What measures is of no use with a sanitizer inside.
if(NOT PENSTOCK_SANITIZE)
  add_subdirectory(${PROJECT_SOURCE_DIR}/bench)
  add_subdirectory(${PROJECT_SOURCE_DIR}/iobench)
endif()
add_subdirectory(${PROJECT_SOURCE_DIR}/tinygate)
